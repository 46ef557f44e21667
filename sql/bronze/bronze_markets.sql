-- One row per coin and observation within a day of snapshots: of rows that tell the same, the first to arrive.
with
passed as (
    select * from judged_snapshots where len(reasons) = 0
),
-- Pages drift while they are fetched: a coin that came on two pages of one batch counts once.
once_per_batch as (
    select * from passed
    qualify row_number() over (partition by source, batch_id, source_asset_id order by page, position) = 1
)
select * from once_per_batch
qualify row_number() over (
    partition by source, snapshot_date, source_asset_id, last_updated
    order by fetched_at, batch_id, page, position
) = 1
