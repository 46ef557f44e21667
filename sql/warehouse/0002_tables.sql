-- The tables the warehouse mirrors from the lake. Columns, types and keys are those of crypto_platform/tables.py;
-- only publishing writes to them.

-- One row per coin and answer of a live snapshot. `payload` is null where jsonb refuses the text (\u0000, half a
-- surrogate pair, a number out of range); then `payload_text` holds it, exactly as it came.
create table staging.raw_snapshots (
    source text not null,
    batch_id text not null,
    page integer not null,
    position integer not null,
    snapshot_date date not null,
    fetched_at timestamptz not null,
    payload jsonb,
    payload_text text,
    primary key (source, batch_id, page, position)
);

-- One row per coin and observation within a day of snapshots.
create table bronze.markets (
    source text not null,
    snapshot_date date not null,
    source_asset_id text not null,
    last_updated timestamptz not null,
    last_updated_missing boolean not null,
    symbol text,
    name text,
    price_usd double precision not null,
    market_cap_usd double precision,
    volume_24h_usd double precision,
    market_cap_rank integer,
    change_1h_pct double precision,
    change_24h_pct double precision,
    change_7d_pct double precision,
    high_24h_usd double precision,
    low_24h_usd double precision,
    circulating_supply double precision,
    total_supply double precision,
    max_supply double precision,
    ath_usd double precision,
    ath_date timestamptz,
    fetched_at timestamptz not null,
    batch_id text not null,
    page integer not null,
    position integer not null,
    primary key (source, snapshot_date, source_asset_id, last_updated)
);

-- One row per row that was kept out of a table, with every reason. The payload is kept as in staging.raw_snapshots.
create table ops.quarantine (
    source text not null,
    snapshot_date date not null,
    table_name text not null,
    batch_id text not null,
    page integer not null,
    position integer not null,
    source_asset_id text,
    reasons text[] not null,
    payload jsonb,
    payload_text text,
    occurrences integer not null,
    fetched_at timestamptz not null,
    primary key (source, snapshot_date, table_name, batch_id, page, position)
);

-- One row per source, coin and UTC day, as the snapshots saw it.
create table silver.daily_metrics (
    metric_date date not null,
    source text not null,
    source_asset_id text not null,
    symbol text,
    name text,
    open_usd double precision not null,
    high_usd double precision not null,
    low_usd double precision not null,
    close_usd double precision not null,
    volume_24h_usd double precision,
    market_cap_usd double precision,
    snapshots integer not null,
    first_seen timestamptz not null,
    last_updated timestamptz not null,
    primary key (metric_date, source, source_asset_id)
);

-- One row per source, coin and UTC day of vendors' history.
create table silver.historic_prices (
    bar_date date not null,
    source text not null,
    source_asset_id text not null,
    as_of timestamptz not null,
    open_usd double precision,
    high_usd double precision,
    low_usd double precision,
    close_usd double precision not null,
    volume_usd double precision,
    market_cap_usd double precision,
    provisional boolean not null,
    revisions integer not null,
    fetched_at timestamptz not null,
    batch_id text not null,
    primary key (bar_date, source, source_asset_id)
);

-- One row per mapping of a vendor's id to a coin, and per belief in it.
create table identity.crosswalk (
    source text not null,
    source_asset_id text not null,
    valid_from date not null,
    known_from date not null,
    valid_to date,
    known_to date,
    asset_id text not null,
    symbol text,
    name text,
    method text not null,
    evidence text,
    primary key (source, source_asset_id, valid_from, known_from)
);

-- One row per asset and UTC day: the price to use.
create table gold.unified_prices (
    metric_date date not null,
    asset_id text not null,
    symbol text,
    name text,
    open_usd double precision,
    high_usd double precision,
    low_usd double precision,
    close_usd double precision not null,
    volume_usd double precision,
    market_cap_usd double precision,
    source text not null,
    origin text not null,
    is_final boolean not null,
    sources integer not null,
    spread_pct double precision,
    as_of timestamptz not null,
    primary key (metric_date, asset_id)
);
