-- How the tables are asked beside their keys: one coin over time, one time over all coins.
create index raw_snapshots_by_day on staging.raw_snapshots (source, snapshot_date);
create index markets_by_observation on bronze.markets (source, source_asset_id, last_updated);
create index markets_by_time on bronze.markets (last_updated);
create index daily_metrics_by_coin on silver.daily_metrics (source, source_asset_id, metric_date);
create index historic_prices_by_time on silver.historic_prices using brin (as_of);
create index historic_prices_by_coin on silver.historic_prices (source, source_asset_id, bar_date);
create index crosswalk_by_asset on identity.crosswalk (asset_id);
create index unified_prices_by_asset on gold.unified_prices (asset_id, metric_date);
