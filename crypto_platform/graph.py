"""What every asset of the graph has in common: its key, partitions, store, group, owners and column schema."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import dagster as dg

from crypto_platform.partitions import BACKFILL, Calendar
from crypto_platform.platform import Platform
from crypto_platform.tables import Grain, Table

GROUPS = {
    "raw_snapshots": "raw",
    "raw_history": "raw",
    "raw_coins": "identity",
    "dropped_files": "files",
    "file_quarantine": "files",
    "bronze_markets": "bronze",
    "quarantine": "bronze",
    "silver_daily_metrics": "silver",
    "universe": "silver",
    "historic_prices": "historic",
    "historic_quarantine": "historic",
    "crosswalk": "identity",
    "unified_prices": "gold",
    "assets": "gold",
    "unified_view": "gold",
}


@dataclass(frozen=True)
class Graph:
    """Declares assets on one platform and one calendar."""

    platform: Platform
    calendar: Calendar

    def key(self, table: Table, source: str | None = None) -> dg.AssetKey:
        return dg.AssetKey([table.name, source] if source else [table.name])

    def declare(
        self,
        table: Table,
        compute: Callable[..., Any],
        *,
        source: str | None = None,
        ins: Mapping[str, dg.AssetIn] | None = None,
        deps: Sequence[dg.AssetKey] = (),
        about: str = "",
        pool: str | None = None,
    ) -> dg.AssetsDefinition:
        """One asset for one table (of one source)."""
        kinds = {"python" if not ins else "duckdb", "parquet"} | ({"postgres"} if table.warehouse else set())
        return dg.asset(
            key=self.key(table, source),
            ins=ins,
            deps=list(deps),
            partitions_def=self.calendar.of(table),
            backfill_policy=BACKFILL if table.grain is not Grain.NONE else None,
            io_manager_key="warehouse_io_manager" if table.warehouse else "lake_io_manager",
            group_name=GROUPS[table.name],
            owners=["team:market-data"],
            kinds=kinds,
            pool=pool,
            description=" ".join(filter(None, (table.about, about))),
            metadata=_metadata(table),
        )(compute)

    def input(self, table: Table, source: str | None = None, mapping: dg.PartitionMapping | None = None) -> dg.AssetIn:
        return dg.AssetIn(key=self.key(table, source), partition_mapping=mapping)


def _metadata(table: Table) -> dict[str, Any]:
    columns = [
        dg.TableColumn(
            column.name,
            column.type.postgres,
            column.about,
            dg.TableColumnConstraints(nullable=not column.required),
        )
        for column in table.columns
    ]
    metadata: dict[str, Any] = {
        "dagster/column_schema": dg.TableSchema(columns),
        "key": ", ".join(table.key) or "none",
    }
    if table.warehouse:
        metadata["dagster/table_name"] = table.warehouse
    return metadata
