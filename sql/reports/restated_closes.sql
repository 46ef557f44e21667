-- One row per finished bar whose close a vendor told differently at different times, the biggest change first.
with
finished_bars as (
    select source, source_asset_id, bar_date, close_usd, fetched_at, batch_id, page, position
    from judged_history
    where finished and close_usd is not null and len(reasons) = 0
),
restated as (
    select source, source_asset_id, bar_date
    from finished_bars
    group by source, source_asset_id, bar_date
    having min(close_usd) <> max(close_usd)
),
told as (
    select
        source, source_asset_id, bar_date,
        arg_min(close_usd, (fetched_at, batch_id, page, position)) as first_close_usd,
        arg_max(close_usd, (fetched_at, batch_id, page, position)) as latest_close_usd,
        count(distinct close_usd) as versions,
        min(fetched_at) as first_fetched_at,
        max(fetched_at) as last_fetched_at
    from finished_bars
    semi join restated using (source, source_asset_id, bar_date)
    group by source, source_asset_id, bar_date
)
select
    told.source, told.source_asset_id, crosswalk.asset_id, told.bar_date,
    told.first_close_usd, told.latest_close_usd,
    100 * (told.latest_close_usd / told.first_close_usd - 1) as change_pct,
    told.versions, told.first_fetched_at, told.last_fetched_at
from told
left join crosswalk
    on crosswalk.source = told.source
    and crosswalk.source_asset_id = told.source_asset_id
    and told.bar_date between crosswalk.valid_from and coalesce(crosswalk.valid_to, date '9999-12-31')
    and crosswalk.known_to is null
order by abs(change_pct) desc, told.bar_date desc, told.source, told.source_asset_id
