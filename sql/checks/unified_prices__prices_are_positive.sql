-- severity: error
-- Every close is a finite number above 0.
select metric_date, asset_id, source, close_usd
from unified_prices
where not (close_usd > 0 and isfinite(close_usd))
