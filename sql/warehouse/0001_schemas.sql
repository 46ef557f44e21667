-- The schemas, and the platform's own books.
create schema staging;
create schema bronze;
create schema silver;
create schema gold;
create schema identity;
create schema if not exists ops;

-- One row per published partition of a table: what the warehouse holds, and which lake object it came from.
create table ops.publications (
    table_name text not null,
    source text not null default '',
    partition text not null,
    rows bigint not null,
    content_sha256 text not null,
    bytes bigint not null,
    inputs text,
    seconds double precision,
    published_at timestamptz not null default now(),
    primary key (table_name, source, partition)
);

-- At most one row: whether these are real prices or those of the simulated market.
create table ops.world (
    world text not null check (world in ('live', 'sandbox')),
    only_row boolean primary key default true check (only_row)
);
