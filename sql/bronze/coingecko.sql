-- One row per row of a CoinGecko snapshot, its fields under the platform's names, still as text.
-- Nothing is judged or typed here.
select
    source, snapshot_date, batch_id, page, position, fetched_at, payload,
    coin.id as source_asset_id,
    coin.symbol as symbol,
    coin.name as name,
    coin.last_updated as last_updated,
    coin.current_price as price_usd,
    coin.market_cap as market_cap_usd,
    coin.total_volume as volume_24h_usd,
    coin.market_cap_rank as market_cap_rank,
    coin.price_change_percentage_1h_in_currency as change_1h_pct,
    coalesce(coin.price_change_percentage_24h_in_currency, coin.price_change_percentage_24h) as change_24h_pct,
    coin.price_change_percentage_7d_in_currency as change_7d_pct,
    coin.high_24h as high_24h_usd,
    coin.low_24h as low_24h_usd,
    coin.circulating_supply as circulating_supply,
    coin.total_supply as total_supply,
    coin.max_supply as max_supply,
    coin.ath as ath_usd,
    coin.ath_date as ath_date
from (
    select
        *,
        from_json(
            case when json_valid(payload) then payload end,
            '{"id": "VARCHAR", "symbol": "VARCHAR", "name": "VARCHAR", "last_updated": "VARCHAR",
              "current_price": "VARCHAR", "market_cap": "VARCHAR", "total_volume": "VARCHAR",
              "market_cap_rank": "VARCHAR", "price_change_percentage_24h": "VARCHAR",
              "price_change_percentage_1h_in_currency": "VARCHAR",
              "price_change_percentage_24h_in_currency": "VARCHAR",
              "price_change_percentage_7d_in_currency": "VARCHAR",
              "high_24h": "VARCHAR", "low_24h": "VARCHAR", "circulating_supply": "VARCHAR",
              "total_supply": "VARCHAR", "max_supply": "VARCHAR", "ath": "VARCHAR", "ath_date": "VARCHAR"}'
        ) as coin
    from raw_snapshots
)
