-- One row per source, coin and day from either origin, under the identity the coin had on that day.
with
closes as (
    select
        bar_date as metric_date, source, source_asset_id, 'historic' as origin,
        as_of = cast(bar_date + 1 as timestamptz) as finished,
        not provisional as is_final,
        cast(null as varchar) as symbol, cast(null as varchar) as name,
        open_usd, high_usd, low_usd, close_usd, volume_usd, market_cap_usd, as_of
    from historic_prices
    union all
    select
        metric_date, source, source_asset_id, 'live' as origin,
        false as finished,
        false as is_final,
        symbol, name,
        open_usd, high_usd, low_usd, close_usd, volume_24h_usd as volume_usd, market_cap_usd, last_updated as as_of
    from silver_daily_metrics
)
select
    closes.* replace (coalesce(crosswalk.symbol, closes.symbol) as symbol, coalesce(crosswalk.name, closes.name) as name),
    coalesce(crosswalk.asset_id, closes.source || ':' || closes.source_asset_id) as asset_id
from closes
left join crosswalk
    on crosswalk.source = closes.source
    and crosswalk.source_asset_id = closes.source_asset_id
    and crosswalk.known_to is null
    and closes.metric_date >= crosswalk.valid_from
    and (crosswalk.valid_to is null or closes.metric_date <= crosswalk.valid_to)
