-- severity: error
-- Every price is a finite number above 0.
select snapshot_date, source, source_asset_id, last_updated, price_usd
from bronze_markets
where not (price_usd > 0 and isfinite(price_usd))
