-- One row per snapshot row of any source: its values typed, and every reason why it may not pass into bronze.
with
typed as (
    select
        source, snapshot_date, batch_id, page, position, fetched_at, payload,
        source_asset_id, symbol, name,
        coalesce(moment(last_updated), fetched_at) as last_updated,
        last_updated is null as last_updated_missing,
        number(price_usd) as price_usd,
        number(market_cap_usd) as market_cap_usd,
        number(volume_24h_usd) as volume_24h_usd,
        try_cast(number(market_cap_rank) as integer) as market_cap_rank,
        number(change_1h_pct) as change_1h_pct,
        number(change_24h_pct) as change_24h_pct,
        number(change_7d_pct) as change_7d_pct,
        number(high_24h_usd) as high_24h_usd,
        number(low_24h_usd) as low_24h_usd,
        nullif(number(circulating_supply), 0) as circulating_supply,
        nullif(number(total_supply), 0) as total_supply,
        nullif(number(max_supply), 0) as max_supply,
        number(ath_usd) as ath_usd,
        moment(ath_date) as ath_date,
        last_updated as last_updated_text,
        price_usd as price_text,
        volume_24h_usd as volume_text,
        market_cap_usd as market_cap_text,
        list_filter([
            not_a_number('price', price_usd),
            not_a_number('market cap', market_cap_usd),
            not_a_number('volume', volume_24h_usd),
            not_a_number('rank', market_cap_rank),
            not_a_number('change over 1 h', change_1h_pct),
            not_a_number('change over 24 h', change_24h_pct),
            not_a_number('change over 7 d', change_7d_pct),
            not_a_number('24 h high', high_24h_usd),
            not_a_number('24 h low', low_24h_usd),
            not_a_number('circulating supply', circulating_supply),
            not_a_number('total supply', total_supply),
            not_a_number('max supply', max_supply),
            not_a_number('all-time high', ath_usd),
            case when last_updated is not null and moment(last_updated) is null
                then 'last_updated is not a time: ''' || last_updated || '''' end,
            case when ath_date is not null and moment(ath_date) is null
                then 'the date of the all-time high is not a time: ''' || ath_date || '''' end
        ], lambda reason: reason is not null) as unreadable
    from snapshot_fields
)
select
    typed.* exclude (last_updated_text, price_text, volume_text, market_cap_text, unreadable),
    list_concat(unreadable, list_filter([
        case when coalesce(source_asset_id, '') = '' then 'the row names no coin' end,
        case when contains(concat(source_asset_id, symbol, name), chr(0)) then 'a NUL character in a name' end,
        case when price_text is null then 'price is missing' end,
        case when price_usd <= 0 then 'zombie: price is ' || price_text end,
        case when volume_24h_usd <= 0 then 'zombie: volume is ' || volume_text end,
        case when cast(last_updated as date) < snapshot_date - 1
            then 'stale: last updated ' || last_updated_text end,
        case when last_updated > fetched_at + interval 10 minutes
            then 'from the future: last updated ' || last_updated_text end,
        case when market_cap_usd >= 1e9 and volume_24h_usd > 0 and volume_24h_usd < market_cap_usd * 1e-6
            then 'absurd: a market cap of ' || market_cap_text || ' on a volume of ' || volume_text end
    ], lambda reason: reason is not null)) as reasons
from typed
