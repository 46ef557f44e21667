"""The jobs: one live snapshot through to silver, one re-pull of history, and the gold that follows both."""

from __future__ import annotations

from dataclasses import dataclass

import dagster as dg
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

from crypto_platform.graph import Graph
from crypto_platform.tables import (
    BRONZE_MARKETS,
    CROSSWALK,
    HISTORIC_PRICES,
    HISTORIC_QUARANTINE,
    QUARANTINE,
    RAW_HISTORY,
    RAW_SNAPSHOTS,
    SILVER_DAILY_METRICS,
    UNIFIED_PRICES,
    UNIFIED_VIEW,
    Table,
)

Job = UnresolvedAssetJobDefinition


@dataclass(frozen=True)
class Jobs:
    """Every job by what it is for; those about one vendor, by source."""

    snapshot: dict[str, Job]
    close_day: dict[str, Job]
    history: dict[str, Job]
    gold: Job
    identity: Job
    view: Job

    @property
    def all(self) -> list[Job]:
        by_source = (*self.snapshot.values(), *self.close_day.values(), *self.history.values())
        return [*by_source, self.gold, self.identity, self.view]


def build_jobs(graph: Graph, snapshots: list[str], histories: list[str]) -> Jobs:
    def job(name: str, about: str, *tables: Table, source: str | None = None) -> Job:
        keys = [graph.key(table, source) for table in tables]
        return dg.define_asset_job(name, dg.AssetSelection.assets(*keys), description=about)

    derived = (BRONZE_MARKETS, QUARANTINE, SILVER_DAILY_METRICS)
    history = (RAW_HISTORY, HISTORIC_PRICES, HISTORIC_QUARANTINE)
    return Jobs(
        snapshot={
            source: job(
                f"snapshot_{source}",
                f"One live snapshot of {source}, through to silver.",
                RAW_SNAPSHOTS,
                *derived,
                source=source,
            )
            for source in snapshots
        },
        close_day={
            source: job(
                f"close_day_{source}",
                f"A finished day of {source} once more, now that it is over.",
                *derived,
                source=source,
            )
            for source in snapshots
        },
        history={
            source: job(f"history_{source}", f"Daily history of {source}, asked for again.", *history, source=source)
            for source in histories
        },
        gold=job("gold", "Unified prices of the months whose inputs changed.", UNIFIED_PRICES),
        identity=job("identity", "The crosswalk from its evidence.", CROSSWALK),
        view=job("count_unified_view", "What the unified view shows.", UNIFIED_VIEW),
    )
