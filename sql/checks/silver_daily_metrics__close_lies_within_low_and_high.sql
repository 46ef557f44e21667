-- severity: error
-- Open and close lie within the day's low and high.
select metric_date, source, source_asset_id, open_usd, high_usd, low_usd, close_usd
from silver_daily_metrics
where open_usd not between low_usd and high_usd or close_usd not between low_usd and high_usd
