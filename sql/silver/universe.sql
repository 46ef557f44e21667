-- One row per coin that was among a source's largest on a day, by the day's last known market cap.
with
ranked as (
    select
        metric_date as universe_date, source, source_asset_id,
        row_number() over (
            partition by metric_date, source order by market_cap_usd desc, source_asset_id
        ) as place,
        market_cap_usd
    from silver_daily_metrics
    where market_cap_usd > 0
)
select ranked.*
from ranked, parameters
where place <= parameters.universe_size
