-- One row per point of a vendor's history: the day it stands for, whether its bar is finished, and why it may not pass.
with
dated as (
    select
        raw_history.*,
        observed_at = date_trunc('day', observed_at) as at_midnight,
        case when observed_at = date_trunc('day', observed_at)
            then cast(observed_at as date) - cast(parameters.midnight_ends_day as integer)
            else cast(observed_at as date)
        end as bar_date
    from raw_history, parameters
)
select
    *,
    at_midnight and not coalesce(unfinished, false) and cast(fetched_at as date) > bar_date as finished,
    list_filter([
        case when payload is not null then 'the point holds something that is neither a number nor a time' end,
        case when close_usd <= 0 then 'zombie: close is not above 0' end,
        case when open_usd <= 0 or high_usd <= 0 or low_usd <= 0 then 'zombie: a price of the bar is not above 0' end
    ], lambda reason: reason is not null) as reasons
from dated
