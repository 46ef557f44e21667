-- One row per ticker that several active coins of one source's newest list share, the most shared first. Wrapped,
-- bridged and pegged coins among them stand for another coin and stay apart from it.
with
-- Of files, which hold some coins each, all lists together are the newest.
newest as (
    select source, arg_max(batch_id, (fetched_at, batch_id)) as batch_id
    from raw_coins
    group by source
),
active as (
    select distinct coins.source, lower(trim(coins.symbol)) as symbol, coins.source_asset_id, coins.name
    from raw_coins as coins
    join newest on newest.source = coins.source
    where
        coins.source <> 'curated'
        and (coins.batch_id = newest.batch_id or coins.source = 'csv')
        and coins.is_active is distinct from false
        and trim(coins.symbol) <> ''
)
select
    source, symbol,
    count(distinct source_asset_id) as coins,
    count(distinct source_asset_id) filter (
        where regexp_matches(lower(name), '\b(wrapped|bridged|pegged)\b|-peg\b')
    ) as stand_ins,
    list_sort(list(distinct source_asset_id))[:5] as first_ids
from active
group by source, symbol
having count(distinct source_asset_id) > 1
order by coins desc, source, symbol
