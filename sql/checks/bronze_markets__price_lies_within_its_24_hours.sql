-- severity: warn
-- A price lies within its own 24-hour low and high; vendors' figures lag each other, so this is only told.
select snapshot_date, source, source_asset_id, last_updated, low_24h_usd, price_usd, high_24h_usd
from bronze_markets
where price_usd not between low_24h_usd and high_24h_usd
