-- One row per source, coin and UTC day of history: the vendor's latest word on the bar, a finished one before others.
with
-- A point without a close is a gap, and a gap never takes back a price.
points as (
    select *, (open_usd, high_usd, low_usd, close_usd, volume_usd, market_cap_usd, finished) as told
    from judged_history
    where close_usd is not null and len(reasons) = 0
),
-- An answer may hold two points of one day, the midnight bar and the live one; the finished one speaks for it.
one_per_answer as (
    select * from points
    qualify row_number() over (
        partition by source, source_asset_id, bar_date, batch_id, page order by finished desc, position desc
    ) = 1
),
fetches as (
    select
        *,
        lag(told) over fetched is distinct from told as is_new,
        lag(fetched_at) over fetched as fetched_before,
        last_value(fetched_at) over (
            fetched rows between unbounded preceding and unbounded following
        ) as last_fetched_at
    from one_per_answer
    window fetched as (
        partition by source, source_asset_id, bar_date order by fetched_at, batch_id, page, position
    )
),
-- A version is known by its first fetch; the last fetch that repeated it tells whether the vendor stood by it.
versions as (
    select
        *,
        row_number() over told_in_order as version,
        count(*) over (told_in_order rows between unbounded preceding and unbounded following) as revisions,
        coalesce(lead(fetched_before) over told_in_order, last_fetched_at) as last_repeated_at
    from fetches
    where is_new
    window told_in_order as (
        partition by source, source_asset_id, bar_date order by fetched_at, batch_id, page, position
    )
),
latest as (
    select * from versions
    qualify row_number() over (
        partition by source, source_asset_id, bar_date order by finished desc, version desc
    ) = 1
)
select
    bar_date, source, source_asset_id,
    case
        when finished then cast(bar_date + 1 as timestamptz)
        -- Fetched later, as from an old file, it stands for some moment of its day that nobody knows.
        when at_midnight then least(fetched_at, cast(bar_date + 1 as timestamptz) - interval 1 second)
        else observed_at
    end as as_of,
    open_usd, high_usd, low_usd, close_usd, volume_usd, market_cap_usd,
    not finished or last_repeated_at < cast(bar_date + 1 as timestamptz) + to_seconds(settling_hours * 3600) as provisional,
    revisions, fetched_at, batch_id
from latest, parameters
