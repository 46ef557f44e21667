"""The lake and the warehouse as Dagster sees them: an asset hands over a query, its dependants get slices of the lake.

A run of one partition and a run of a range go the same way: one read, one COPY, one transaction.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

import dagster as dg
import pyarrow as pa

from crypto_platform.engine import Making, Query, making, rules_of
from crypto_platform.held import Added
from crypto_platform.lake import INPUTS, Lake, LakeSlice, Promotion
from crypto_platform.lake.landed import Landed
from crypto_platform.materialisations import refuse, report
from crypto_platform.projection import (
    DERIVED_FROM,
    Projected,
    Projection,
    input_hashes,
    note_inputs,
    raw_digests,
)
from crypto_platform.tables import RAW_SNAPSHOTS, UNIFIED_PRICES, WHOLE, Partition, Table, table_named

if TYPE_CHECKING:
    from crypto_platform.lake.parquet import Candidate
    from crypto_platform.platform import Platform


def table_of(key: dg.AssetKey) -> tuple[Table, str | None]:
    """The table and the source an asset key stands for: `table/source`, or `table` alone."""
    name, *source = key.path
    return table_named(name), source[0] if source else None


class LakeIOManager(dg.IOManager):
    """Stores what an asset's query gives as one audited object per partition; hands out slices of the lake."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform

    def handle_output(self, context: dg.OutputContext, obj: Query | pa.Table | Landed) -> None:
        if isinstance(obj, Landed):
            table, _ = table_of(context.asset_key)
            promotions = self._landed(context, obj)
            report(context, self._platform.lake, table, _partitions(context), promotions, Projected())
            return
        self._derive(context, obj)

    def load_input(self, context: dg.InputContext) -> LakeSlice:
        table, source = table_of(context.asset_key)
        partitions = [Partition(key) for key in context.asset_partition_keys] if context.has_asset_partitions else None
        return self._platform.lake.slice(table, source, partitions)

    def _derive(self, context: dg.OutputContext, obj: Query | pa.Table) -> None:
        table, source = table_of(context.asset_key)
        partitions = _partitions(context)
        begun = time.perf_counter()
        lake = self._platform.lake
        with lake.exclusive(table, source):
            rows = obj.with_slices(lake.again) if isinstance(obj, Query) else obj
            plan = self._making(table, source, partitions, rows)
            with self._platform.engine.stream(plan.rows, table, partitions) as batches:
                promotions, rejections = lake.replace_partitions(
                    table, source, partitions, batches, lambda candidates: self._audit(table, candidates), plan.footers
                )
            seconds = time.perf_counter() - begun
            projected = self._project(table, source, promotions, seconds, _added(plan, promotions))
            if isinstance(rows, Query):
                self._note(table, source, partitions, rows)
        figures = report(context, lake, table, partitions, promotions, projected)
        if rejections:
            refuse(context, figures, rejections)

    def _making(
        self, table: Table, source: str | None, partitions: Sequence[Partition], rows: Query | pa.Table
    ) -> Making:
        if isinstance(rows, Query) and rows.adds_to:
            platform = self._platform
            return making(platform.lake, platform.engine.code_of(rows, table), table, source, partitions, rows)
        return Making(rows, {key: {INPUTS: told} for key, told in self._inputs(table, rows).items()})

    def _audit(self, table: Table, candidates: Sequence[Candidate]) -> dict[str, tuple[str, ...]]:
        """The error rules that need no other table, over all candidates at once."""
        rules = [rule for rule in rules_of(table) if rule.severity == "error" and rule.tables == (table.name,)]
        files = [str(candidate.path) for candidate in candidates]
        broken: dict[str, tuple[str, ...]] = {}
        for finding in self._platform.engine.findings(table, rules, {table.name: files}):
            for partition in finding.partitions:
                broken[partition] = (*broken.get(partition, ()), finding.rule.sentence)
        return broken

    def _inputs(self, table: Table, rows: Query | pa.Table) -> dict[str, str]:  # noqa: ARG002
        """What each partition is about to be made of, where somebody will want to know."""
        told = (rows.schema.metadata or {}).get(INPUTS.encode()) if isinstance(rows, pa.Table) else None
        return {WHOLE.key: told.decode()} if told else {}

    def _project(
        self,
        table: Table,  # noqa: ARG002
        source: str | None,  # noqa: ARG002
        promotions: Sequence[Promotion],  # noqa: ARG002
        seconds: float,  # noqa: ARG002
        added: Added | None,  # noqa: ARG002
    ) -> Projected:
        return Projected()

    def _note(self, table: Table, source: str | None, partitions: Sequence[Partition], rows: Query) -> None:
        """Remember which raw objects the partitions were made of, where that is how late ones are noticed."""

    def _landed(self, context: dg.OutputContext, landed: Landed) -> list[Promotion]:
        """What the lake now holds of the raw partitions that a batch landed in."""
        table, source = table_of(context.asset_key)
        lake = self._platform.lake
        rows: dict[Partition, int] = {}
        bytes_: dict[Partition, int] = {}
        keys: dict[Partition, str] = {}
        for partition, key in landed.objects:
            with lake.open_parquet(key) as file:
                rows[partition] = rows.get(partition, 0) + file.metadata.num_rows
            bytes_[partition] = bytes_.get(partition, 0) + lake.store.size(key)
            keys[partition] = key
        changed = landed.asked > 0
        promotions = [Promotion(each, keys[each], rows[each], "", bytes_[each], changed) for each in sorted(rows)]
        self._project(table, source, promotions, 0.0, None)
        return promotions


class WarehouseIOManager(LakeIOManager):
    """Stores in the lake, then projects what changed into the warehouse, the whole range in one transaction."""

    def _inputs(self, table: Table, rows: Query | pa.Table) -> dict[str, str]:
        if table is not UNIFIED_PRICES or not isinstance(rows, Query):
            return super()._inputs(table, rows)
        with self._platform.warehouse.connect() as connection:
            return input_hashes(connection, [key for part in rows.slices() for key in part.objects])

    def _project(
        self,
        table: Table,
        source: str | None,
        promotions: Sequence[Promotion],
        seconds: float,
        added: Added | None,
    ) -> Projected:
        projection = Projection(self._platform.lake, self._platform.warehouse)
        partitions = [promotion.partition for promotion in promotions]
        projected = projection.publish(table, source, partitions, seconds, added)
        newest = max((partition.first_day for partition in partitions if partition.first_day), default=None)
        if table is RAW_SNAPSHOTS and newest:
            projection.retire_staging(self._platform.settings.staging_days, newest)
        return projected

    def _note(self, table: Table, source: str | None, partitions: Sequence[Partition], rows: Query) -> None:
        raw = DERIVED_FROM.get(table.name)
        if raw is None or source is None:
            return
        objects = [key for part in rows.slices() if part.table is raw for key in part.objects]
        with self._platform.warehouse.connect() as connection:
            note_inputs(connection, table, source, raw_digests(table, objects, partitions))


def _partitions(context: dg.OutputContext) -> list[Partition]:
    if not context.has_asset_partitions:
        return [WHOLE]
    return [Partition(key) for key in context.asset_partition_keys]


def _added(plan: Making, promotions: Sequence[Promotion]) -> Added | None:
    if plan.onto_sha256 is None or not promotions:
        return None
    return Added(plan.onto_sha256, promotions[0].sha256, frozenset(map(Lake.batch_of, plan.new)))
