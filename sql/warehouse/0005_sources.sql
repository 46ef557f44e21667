-- Several vendors: their batches and budgets, the dropped files, who was how large when, and what an asset is called.

-- One row per file that was dropped, by its content.
create table ops.dropped_files (
    sha256 text primary key,
    file text not null,
    batch_id text not null,
    status text not null,
    reason text,
    kind text,
    format text,
    coin text,
    rows integer not null,
    landed integer not null,
    rejected integer not null,
    first_day date,
    last_day date,
    read_at timestamptz not null
);

create index quarantine_by_table on ops.quarantine (table_name, source, snapshot_date);

-- One row per source, coin and UTC day on which the coin was among the source's largest.
create table silver.universe (
    universe_date date not null,
    source text not null,
    source_asset_id text not null,
    place integer not null,
    market_cap_usd double precision not null,
    primary key (universe_date, source, source_asset_id)
);
create index universe_by_coin on silver.universe (source, source_asset_id, universe_date);

-- One row per asset that has a price.
create table gold.assets (
    asset_id text primary key,
    symbol text,
    name text,
    first_date date not null,
    last_date date not null,
    sources text[] not null
);

-- One row per batch: how it went, and how it goes while it runs. `asked` counts the requests of its last try.
create table ops.batches (
    source text not null,
    batch_id text not null,
    kind text not null check (kind in ('snapshot', 'history', 'coins', 'files')),
    status text not null check (status in ('running', 'success', 'failure')),
    started_at timestamptz not null,
    finished_at timestamptz,
    seconds double precision,
    first_day date,
    last_day date,
    pages integer not null default 0,
    asked integer not null default 0,
    rows bigint not null default 0,
    tries integer not null default 1,
    error text,
    process text,
    primary key (source, batch_id)
);
create index batches_by_start on ops.batches (source, kind, started_at);
create index batches_unfinished on ops.batches (source, kind, started_at) where status <> 'success';

-- One row per source: the requests of the month, and the moment until which they last at the vendor's even pace.
-- Counting is not data: it is in no lake and in no checksum.
create table ops.rate_budgets (
    source text primary key,
    month date not null,
    calls bigint not null,
    next_free_at timestamptz not null,
    changed_at timestamptz not null
);

-- One row per source and kind of batch: the last batch, and how all of them went.
create view public.checkpoints as
with last_batches as (
    select distinct on (source, kind) *
    from ops.batches
    order by source, kind, started_at desc, batch_id desc
),
totals as (
    select
        source,
        kind,
        max(coalesce(finished_at, started_at)) filter (where status = 'success') as last_success_at,
        max(coalesce(finished_at, started_at)) filter (where status = 'failure') as last_failure_at,
        count(*) as batches,
        count(*) filter (where status = 'failure') as failures
    from ops.batches
    group by source, kind
)
select
    last_batches.source,
    last_batches.kind,
    last_batches.status,
    last_batches.batch_id,
    last_batches.started_at,
    last_batches.finished_at,
    last_batches.seconds,
    last_batches.pages,
    last_batches.rows as records_processed,
    totals.last_success_at,
    totals.last_failure_at,
    last_batches.error as last_error,
    totals.batches,
    totals.failures
from last_batches
inner join totals using (source, kind);

-- One row per coin and answer of CoinPaprika's snapshots, as staged.
create view staging.raw_coinpaprika as
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
where source = 'coinpaprika';

-- One row per row of dropped snapshot files, as staged.
create view staging.raw_csv as
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
where source = 'csv';

-- One row per coin and observation of CoinPaprika's; one that came on both sides of midnight is shown once.
create view bronze.coinpaprika_markets as
select distinct on (source_asset_id, last_updated) *
from bronze.markets
where source = 'coinpaprika'
order by source_asset_id, last_updated, snapshot_date;

-- One row per coin and UTC day of CoinPaprika's snapshots.
create view silver.coinpaprika_daily_metrics as
select *
from silver.daily_metrics
where source = 'coinpaprika';

-- A belief in a mapping begins and ends at a moment, no longer on a day. A column that a view reads cannot change its
-- type, and dropping the view would take along what people built on it: so it looks away for a moment.
create or replace view gold.unified_view as
select
    null::timestamptz as observed_at,
    null::text as asset_id,
    null::text as symbol,
    null::double precision as price_usd,
    null::double precision as volume_usd,
    null::double precision as market_cap_usd,
    null::text as source,
    null::text as origin,
    null::text as resolution;

alter table identity.crosswalk
    alter column known_from type timestamptz using known_from::timestamp at time zone 'UTC',
    alter column known_to type timestamptz using known_to::timestamp at time zone 'UTC';

-- One row per observation, whatever its origin: the bars of history and the rows of every snapshot. As in 0004.
create or replace view gold.unified_view as
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
