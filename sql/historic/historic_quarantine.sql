-- One row per point of history that may not pass, with every reason; a point that repeats is kept once and counted.
with
rejected as (
    select
        *,
        coalesce(payload, to_json({
            'observed_at': observed_at, 'open': open_usd, 'high': high_usd, 'low': low_usd,
            'close': close_usd, 'volume': volume_usd, 'market_cap': market_cap_usd
        })) as text
    from judged_history
    where len(reasons) > 0
)
select
    source, bar_date as snapshot_date, 'historic_prices' as table_name, batch_id, page, position,
    source_asset_id, reasons, text as payload, fetched_at,
    count(*) over (partition by source, source_asset_id, bar_date, text, reasons) as occurrences
from rejected
qualify row_number() over (
    partition by source, source_asset_id, bar_date, text, reasons
    order by fetched_at, batch_id, page, position
) = 1
