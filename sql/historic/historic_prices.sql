-- One row per source, coin and UTC day of history: the vendor's latest word on the bar, a finished one before others.
with
-- A point without a close is a gap, and a gap never takes back a price.
points as (
    select *, (open_usd, high_usd, low_usd, close_usd, volume_usd, market_cap_usd, finished) as told
    from judged_history
    where close_usd is not null and len(reasons) = 0
),
compared as (
    select
        *,
        lag(told) over in_order is distinct from told as is_new
    from points
    window in_order as (
        partition by source, source_asset_id, bar_date order by fetched_at, batch_id, page, position
    )
),
versions as (
    select
        *,
        sum(cast(is_new as integer)) over (
            partition by source, source_asset_id, bar_date order by fetched_at, batch_id, page, position
            rows unbounded preceding
        ) as version
    from compared
),
-- A version is known by its first fetch; the last fetch that repeated it tells whether the vendor stood by it.
told_versions as (
    select
        *,
        max(fetched_at) over (partition by source, source_asset_id, bar_date, version) as last_fetched_at,
        max(version) over (partition by source, source_asset_id, bar_date) as revisions
    from versions
)
select
    told_versions.* exclude (provisional_until),
    not finished or last_fetched_at < provisional_until as provisional,
    case
        when finished then cast(bar_date + 1 as timestamptz)
        when at_midnight then fetched_at
        else observed_at
    end as as_of
from (
    select
        told_versions.*,
        cast(bar_date + 1 as timestamptz) + to_seconds(parameters.settling_hours * 3600) as provisional_until
    from told_versions, parameters
    where is_new
) as told_versions
qualify row_number() over (
    partition by source, source_asset_id, bar_date order by finished desc, version desc
) = 1
