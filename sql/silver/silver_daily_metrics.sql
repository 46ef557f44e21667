-- One row per source, coin and UTC day: the day's open, high, low and close as the snapshots saw it.
with
-- A day's observations are also in the day before (a batch that ran over midnight) and the day after (late rows).
-- Within a day of snapshots an observation is there once.
elsewhere as (
    select source, source_asset_id, last_updated from bronze_markets
    where snapshot_date <> cast(last_updated as date)
),
-- One that the vendor repeated is in several days, and the first counts.
repeated as (
    select bronze_markets.* from bronze_markets
    semi join elsewhere using (source, source_asset_id, last_updated)
    qualify row_number() over (
        partition by source, source_asset_id, last_updated order by snapshot_date
    ) = 1
),
observed as (
    select bronze_markets.* from bronze_markets
    anti join elsewhere using (source, source_asset_id, last_updated)
    union all
    select * from repeated
)
select
    cast(last_updated as date) as metric_date,
    source,
    source_asset_id,
    arg_max(symbol, last_updated) filter (where symbol is not null) as symbol,
    arg_max(name, last_updated) filter (where name is not null) as name,
    arg_min(price_usd, last_updated) as open_usd,
    max(price_usd) as high_usd,
    min(price_usd) as low_usd,
    arg_max(price_usd, last_updated) as close_usd,
    arg_max(volume_24h_usd, last_updated) filter (where volume_24h_usd is not null) as volume_24h_usd,
    arg_max(market_cap_usd, last_updated) filter (where market_cap_usd is not null) as market_cap_usd,
    count(*) as snapshots,
    min(last_updated) as first_seen,
    max(last_updated) as last_updated
from observed
group by cast(observed.last_updated as date), source, source_asset_id
