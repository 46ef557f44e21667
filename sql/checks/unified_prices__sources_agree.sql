-- severity: warn
-- The sources' closes of a finished day lie within 10 % of each other.
select metric_date, asset_id, source, close_usd, sources, spread_pct
from unified_prices
where spread_pct > 10 and is_final
