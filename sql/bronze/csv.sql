-- One row per row of a dropped snapshot file, its fields under the platform's names, still as text.
-- Nothing is judged or typed here; the reader has put every file's columns under these names already.
select
    source, snapshot_date, batch_id, page, position, fetched_at, payload,
    coin.id as source_asset_id,
    coin.symbol as symbol,
    coin.name as name,
    coin.last_updated as last_updated,
    coin.price_usd as price_usd,
    coin.market_cap_usd as market_cap_usd,
    coin.volume_24h_usd as volume_24h_usd,
    coin.market_cap_rank as market_cap_rank,
    coin.change_1h_pct as change_1h_pct,
    coin.change_24h_pct as change_24h_pct,
    coin.change_7d_pct as change_7d_pct,
    coin.high_24h_usd as high_24h_usd,
    coin.low_24h_usd as low_24h_usd,
    coin.circulating_supply as circulating_supply,
    coin.total_supply as total_supply,
    coin.max_supply as max_supply,
    coin.ath_usd as ath_usd,
    coin.ath_date as ath_date
from (
    select
        *,
        from_json(
            case when json_valid(payload) then payload end,
            '{"id": "VARCHAR", "symbol": "VARCHAR", "name": "VARCHAR", "last_updated": "VARCHAR",
              "price_usd": "VARCHAR", "market_cap_usd": "VARCHAR", "volume_24h_usd": "VARCHAR",
              "market_cap_rank": "VARCHAR", "change_1h_pct": "VARCHAR", "change_24h_pct": "VARCHAR",
              "change_7d_pct": "VARCHAR", "high_24h_usd": "VARCHAR", "low_24h_usd": "VARCHAR",
              "circulating_supply": "VARCHAR", "total_supply": "VARCHAR", "max_supply": "VARCHAR",
              "ath_usd": "VARCHAR", "ath_date": "VARCHAR"}'
        ) as coin
    from raw_snapshots
)
