"""How time is cut: the partition definitions, how they map onto each other, and the one backfill policy."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import dagster as dg

from crypto_platform.tables import Grain, Partition, Table

if TYPE_CHECKING:
    from datetime import date

# Backfill policies and mappings onto missing partitions are beta, and chosen knowingly.
warnings.filterwarnings("ignore", category=dg.BetaWarning)

BACKFILL = dg.BackfillPolicy.single_run()
"""A range is one run, and so one read, one COPY and one transaction a table."""

THIS_AND_NEXT = dg.TimeWindowPartitionMapping(end_offset=1, allow_nonexistent_upstream_partitions=True)
"""A month needs the next one too: some vendors date a bar by the midnight that ends it."""

AROUND = dg.TimeWindowPartitionMapping(start_offset=-1, end_offset=1, allow_nonexistent_upstream_partitions=True)
"""A day's observations may lie in a batch that began the day before, or come late, with the day after."""

OVERLAPPING = dg.TimeWindowPartitionMapping(allow_nonexistent_upstream_partitions=True)
"""A month needs its days, as far as they exist."""


@dataclass(frozen=True)
class Calendar:
    """The days and months that exist, today's and this month's included."""

    snapshot_start: date
    history_start: date

    @cached_property
    def days(self) -> dg.DailyPartitionsDefinition:
        return dg.DailyPartitionsDefinition(start_date=self.snapshot_start.isoformat(), end_offset=1)

    @cached_property
    def months(self) -> dg.MonthlyPartitionsDefinition:
        return dg.MonthlyPartitionsDefinition(
            start_date=self.history_start.strftime("%Y-%m"), fmt="%Y-%m", end_offset=1
        )

    def of(self, table: Table) -> dg.TimeWindowPartitionsDefinition | None:
        return {Grain.DAY: self.days, Grain.MONTH: self.months, Grain.NONE: None}[table.grain]

    def between(self, table: Table, first: date, last: date) -> list[Partition]:
        """The existing partitions of a table that touch the days from first to last."""
        definition = self.of(table)
        if definition is None:
            return []
        low, high = (table.grain.key_of(day) for day in (first, last))
        return [Partition(key) for key in definition.get_partition_keys() if low <= key <= high]
