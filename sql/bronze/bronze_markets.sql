-- One row per coin and observation within a day of snapshots: of rows that tell the same, the first to arrive.
-- `judged_snapshots` are the rows of some batches, `earlier_markets` what stands of all the others: given are those that
-- are new, or came before the one that stands. So neither the order of the batches nor how many come at once matters.
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
-- Hardly any of the many earlier rows tell what has arrived once more.
told_before as (
    select source, snapshot_date, source_asset_id, last_updated
    from earlier_markets as earlier
    join arrived using (source, snapshot_date, source_asset_id, last_updated)
    where (earlier.fetched_at, earlier.batch_id, earlier.page, earlier.position)
        < (arrived.fetched_at, arrived.batch_id, arrived.page, arrived.position)
)
select * from arrived
anti join told_before using (source, snapshot_date, source_asset_id, last_updated)
