-- severity: warn
-- Open and close lie within the bar's low and high, but for a vendor's rounding.
select bar_date, source, source_asset_id, open_usd, high_usd, low_usd, close_usd
from historic_prices
where close_usd not between low_usd * 0.999999 and high_usd * 1.000001
    or open_usd not between low_usd * 0.999999 and high_usd * 1.000001
