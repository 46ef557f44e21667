-- severity: error
-- Every close is a finite number above 0.
select bar_date, source, source_asset_id, close_usd
from historic_prices
where not (close_usd > 0 and isfinite(close_usd))
