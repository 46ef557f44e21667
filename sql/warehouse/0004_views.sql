-- The names people know from elsewhere, and every observation in one view.

-- One row per coin and answer of CoinGecko's snapshots, as staged.
create view staging.raw_coingecko as
select
    batch_id as batch_uuid,
    fetched_at as ingested_at,
    payload ->> 'id' as coin_id,
    snapshot_date,
    page,
    position,
    payload,
    payload_text
from staging.raw_snapshots
where source = 'coingecko';

-- One row per coin and observation of CoinGecko's; one that came on both sides of midnight is shown once.
create view bronze.coingecko_markets as
select distinct on (source_asset_id, last_updated) *
from bronze.markets
where source = 'coingecko'
order by source_asset_id, last_updated, snapshot_date;

-- One row per coin and UTC day of CoinGecko's snapshots.
create view silver.coingecko_daily_metrics as
select *
from silver.daily_metrics
where source = 'coingecko';

-- One row per asset and UTC day: the price to use.
create view public.unified_crypto_data as
select
    asset_id,
    symbol,
    name,
    metric_date,
    close_usd as price_usd,
    market_cap_usd,
    volume_usd,
    source,
    origin
from gold.unified_prices;

-- One row per observation, whatever its origin: the bars of history and the rows of every snapshot.
create view gold.unified_view as
with observations as (
    select
        as_of as observed_at,
        bar_date as observed_on,
        source_asset_id,
        null as symbol,
        close_usd as price_usd,
        volume_usd,
        market_cap_usd,
        source,
        'historic' as origin,
        '1d' as resolution
    from silver.historic_prices
    union all
    (
        select distinct on (source, source_asset_id, last_updated)
            last_updated,
            (last_updated at time zone 'UTC')::date,
            source_asset_id,
            symbol,
            price_usd,
            volume_24h_usd,
            market_cap_usd,
            source,
            'live',
            'snapshot'
        from bronze.markets
        order by source, source_asset_id, last_updated, snapshot_date
    )
)
select
    observations.observed_at,
    coalesce(crosswalk.asset_id, observations.source || ':' || observations.source_asset_id) as asset_id,
    coalesce(crosswalk.symbol, observations.symbol) as symbol,
    observations.price_usd,
    observations.volume_usd,
    observations.market_cap_usd,
    observations.source,
    observations.origin,
    observations.resolution
from observations
left join identity.crosswalk
    on crosswalk.source = observations.source
    and crosswalk.source_asset_id = observations.source_asset_id
    and observations.observed_on between crosswalk.valid_from and coalesce(crosswalk.valid_to, 'infinity')
    and crosswalk.known_to is null;
