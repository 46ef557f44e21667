-- One row per rejected row of a day's snapshots, with every reason; a row that repeats is kept once and counted.
-- `judged_snapshots` are the rows of some batches, `earlier_quarantine` what this query gave for all the others.
with
rejected as (
    select
        source, snapshot_date, 'bronze_markets' as table_name, batch_id, page, position,
        source_asset_id, reasons, payload, fetched_at, 1 as occurrences
    from judged_snapshots where len(reasons) > 0
    union all by name
    select * from earlier_quarantine
)
select
    * exclude (occurrences),
    sum(occurrences) over (partition by source, snapshot_date, payload, reasons) as occurrences
from rejected
qualify row_number() over (
    partition by source, snapshot_date, payload, reasons
    order by fetched_at, batch_id, page, position
) = 1
