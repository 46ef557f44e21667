-- One row per asset and UTC day: a finished bar before snapshots, a final value before a provisional one,
-- then the order of the sources in the settings.
with
ranked as (
    select
        observed_closes.*,
        row_number() over (
            partition by metric_date, asset_id, observed_closes.source
            order by finished desc, is_final desc, origin desc, source_asset_id
        ) as choice_within_source,
        row_number() over (
            partition by metric_date, asset_id
            order by finished desc, is_final desc, origin desc,
                coalesce(source_order.place, 1000), observed_closes.source, source_asset_id
        ) as choice
    from observed_closes
    left join source_order on source_order.source = observed_closes.source
),
spread as (
    select
        metric_date, asset_id,
        count(*) as sources,
        (max(close_usd) - min(close_usd)) / min(close_usd) * 100 as spread_pct
    from ranked
    where choice_within_source = 1
    group by metric_date, asset_id
)
select ranked.*, spread.sources, spread.spread_pct
from ranked
join spread on spread.metric_date = ranked.metric_date and spread.asset_id = ranked.asset_id
where ranked.choice = 1
