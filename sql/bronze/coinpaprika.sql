-- One row per row of a CoinPaprika snapshot, its fields under the platform's names, still as text.
-- CoinPaprika gives null, 0 or the empty string for what it does not know; the empty string is nothing here.
-- Nothing is judged or typed here.
select
    source, snapshot_date, batch_id, page, position, fetched_at, payload,
    coin.id as source_asset_id,
    coin.symbol as symbol,
    coin.name as name,
    nullif(coin.last_updated, '') as last_updated,
    nullif(coin.quotes.USD.price, '') as price_usd,
    nullif(coin.quotes.USD.market_cap, '') as market_cap_usd,
    nullif(coin.quotes.USD.volume_24h, '') as volume_24h_usd,
    nullif(coin.rank, '') as market_cap_rank,
    nullif(coin.quotes.USD.percent_change_1h, '') as change_1h_pct,
    nullif(coin.quotes.USD.percent_change_24h, '') as change_24h_pct,
    nullif(coin.quotes.USD.percent_change_7d, '') as change_7d_pct,
    cast(null as varchar) as high_24h_usd,
    cast(null as varchar) as low_24h_usd,
    nullif(coin.circulating_supply, '') as circulating_supply,
    nullif(coin.total_supply, '') as total_supply,
    nullif(coin.max_supply, '') as max_supply,
    nullif(coin.quotes.USD.ath_price, '') as ath_usd,
    nullif(coin.quotes.USD.ath_date, '') as ath_date
from (
    select
        *,
        from_json(
            case when json_valid(payload) then payload end,
            '{"id": "VARCHAR", "symbol": "VARCHAR", "name": "VARCHAR", "rank": "VARCHAR", "last_updated": "VARCHAR",
              "circulating_supply": "VARCHAR", "total_supply": "VARCHAR", "max_supply": "VARCHAR",
              "quotes": {"USD": {"price": "VARCHAR", "market_cap": "VARCHAR", "volume_24h": "VARCHAR",
                "percent_change_1h": "VARCHAR", "percent_change_24h": "VARCHAR", "percent_change_7d": "VARCHAR",
                "ath_price": "VARCHAR", "ath_date": "VARCHAR"}}}'
        ) as coin
    from raw_snapshots
)
