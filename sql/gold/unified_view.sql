-- One row per observation, whatever its origin: the bars of history and the rows of every snapshot.
with
live as (
    select source, source_asset_id, last_updated, symbol, price_usd, volume_24h_usd, market_cap_usd
    from bronze_markets
    qualify row_number() over (partition by source, source_asset_id, last_updated order by snapshot_date) = 1
),
observations as (
    select
        as_of as observed_at, bar_date as day, source, source_asset_id, cast(null as varchar) as symbol,
        close_usd as price_usd, volume_usd, market_cap_usd, 'historic' as origin, '1d' as resolution
    from historic_prices
    union all
    select
        last_updated, cast(last_updated as date), source, source_asset_id, symbol,
        price_usd, volume_24h_usd, market_cap_usd, 'live', 'snapshot'
    from live
)
select
    observations.observed_at,
    coalesce(crosswalk.asset_id, observations.source || ':' || observations.source_asset_id) as asset_id,
    coalesce(crosswalk.symbol, observations.symbol) as symbol,
    observations.price_usd,
    observations.volume_usd,
    observations.market_cap_usd,
    observations.source,
    observations.origin,
    observations.resolution
from observations
left join crosswalk
    on crosswalk.source = observations.source
    and crosswalk.source_asset_id = observations.source_asset_id
    and crosswalk.known_to is null
    and observations.day >= crosswalk.valid_from
    and (crosswalk.valid_to is null or observations.day <= crosswalk.valid_to)
