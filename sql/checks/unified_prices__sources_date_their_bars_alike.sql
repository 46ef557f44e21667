-- severity: error
-- Two sources' finished closes of the same coins and days differ by less than 0.5 % in the median; where they differ
-- more, one of them dates its bars by another convention than its source declares.
with
closes as (
    select
        historic_prices.bar_date, historic_prices.source, crosswalk.asset_id, historic_prices.close_usd
    from historic_prices
    join crosswalk
        on crosswalk.source = historic_prices.source
        and crosswalk.source_asset_id = historic_prices.source_asset_id
        and crosswalk.known_to is null
        and historic_prices.bar_date >= crosswalk.valid_from
        and (crosswalk.valid_to is null or historic_prices.bar_date <= crosswalk.valid_to)
    where not historic_prices.provisional
),
pairs as (
    select
        strftime(one.bar_date, '%Y-%m') as month, one.bar_date,
        one.source as source, other.source as other_source,
        abs(one.close_usd - other.close_usd) / least(one.close_usd, other.close_usd) * 100 as difference_pct
    from closes as one
    join closes as other
        on other.asset_id = one.asset_id and other.bar_date = one.bar_date and other.source > one.source
)
select
    min(bar_date) as metric_date, source, other_source,
    count(*) as compared, median(difference_pct) as median_difference_pct
from pairs
group by month, source, other_source
having count(*) >= 20 and median(difference_pct) >= 0.5
