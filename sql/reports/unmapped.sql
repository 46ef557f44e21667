-- One row per coin of a source's newest day of snapshots that no evidence joins to another source, the largest first.
with
newest as (
    select source, max(metric_date) as metric_date
    from silver_daily_metrics
    group by source
),
mapped as (
    select source, source_asset_id, valid_from, coalesce(valid_to, date '9999-12-31') as valid_to
    from crosswalk
    where known_to is null and method <> 'alone'
)
select
    coins.source, coins.source_asset_id, coins.symbol, coins.name, coins.market_cap_usd, coins.close_usd,
    coins.metric_date
from silver_daily_metrics as coins
semi join newest on newest.source = coins.source and newest.metric_date = coins.metric_date
anti join mapped
    on mapped.source = coins.source
    and mapped.source_asset_id = coins.source_asset_id
    and coins.metric_date between mapped.valid_from and mapped.valid_to
order by coins.market_cap_usd desc nulls last, coins.source, coins.source_asset_id
