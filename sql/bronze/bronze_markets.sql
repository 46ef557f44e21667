-- One row per coin and observation within a day of snapshots: of rows that tell the same, the first to arrive.
-- `judged_snapshots` are the rows of some batches, `earlier_markets` what this query gave for all the others: the first
-- of all is the first of both firsts, so it makes no difference how many batches come at once, nor in which order.
with
passed as (
    select * exclude (payload, reasons) from judged_snapshots where len(reasons) = 0
),
-- Pages drift while they are fetched: of a coin that came on two pages of one batch the first page counts.
on_first_page as (
    select * from passed
    qualify rank() over (partition by source, snapshot_date, batch_id, source_asset_id order by page) = 1
),
arrived as materialized (
    select * from on_first_page
    qualify row_number() over (
        partition by source, snapshot_date, source_asset_id, last_updated
        order by fetched_at, batch_id, page, position
    ) = 1
),
-- Few of the many earlier rows tell what has arrived once more.
repeated as materialized (
    select earlier.source, earlier.snapshot_date, earlier.source_asset_id, earlier.last_updated,
        (earlier.fetched_at, earlier.batch_id, earlier.page, earlier.position)
            < (arrived.fetched_at, arrived.batch_id, arrived.page, arrived.position) as earlier_stays
    from earlier_markets as earlier
    join arrived using (source, snapshot_date, source_asset_id, last_updated)
)
select * from earlier_markets as earlier
anti join (from repeated where not earlier_stays) using (source, snapshot_date, source_asset_id, last_updated)
union all by name
select * from arrived
anti join (from repeated where earlier_stays) using (source, snapshot_date, source_asset_id, last_updated)
