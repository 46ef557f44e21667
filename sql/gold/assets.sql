-- One row per asset that has a price, named as its newest day names it, with every source that knows it.
with
priced as (
    select
        asset_id,
        arg_max(symbol, metric_date) filter (where symbol is not null) as symbol,
        arg_max(name, metric_date) filter (where name is not null) as name,
        min(metric_date) as first_date,
        max(metric_date) as last_date
    from unified_prices
    group by asset_id
),
known as (
    select asset_id, source from unified_prices
    union
    select asset_id, source from crosswalk where known_to is null
)
select priced.*, of_asset.sources
from priced
join (
    select asset_id, list_sort(list(source)) as sources from known group by asset_id
) as of_asset on of_asset.asset_id = priced.asset_id
