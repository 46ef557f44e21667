"""The jobs: a live snapshot through to silver, history, lists of coins, dropped files, and the gold that follows."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields

import dagster as dg
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

from crypto_platform.graph import Graph
from crypto_platform.sources import asked, fed_by_files, having
from crypto_platform.tables import (
    ASSETS,
    CROSSWALK,
    DROPPED_FILES,
    FILE_QUARANTINE,
    FROM_HISTORY,
    FROM_SNAPSHOTS,
    RAW_COINS,
    RAW_HISTORY,
    RAW_SNAPSHOTS,
    UNIFIED_PRICES,
    UNIFIED_VIEW,
    Table,
)

Job = UnresolvedAssetJobDefinition


@dataclass(frozen=True)
class Jobs:
    """Every job by what it is for; those about one source, by source."""

    snapshot: dict[str, Job]
    close_day: dict[str, Job]
    history: dict[str, Job]
    derive_history: dict[str, Job]
    coins: dict[str, Job]
    files: Job
    identity: Job
    gold: Job
    view: Job

    @property
    def all(self) -> list[Job]:
        held = [getattr(self, field.name) for field in fields(self)]
        return [job for each in held for job in (each.values() if isinstance(each, dict) else [each])]


def build_jobs(graph: Graph) -> Jobs:
    def job(name: str, about: str, *tables: Table, source: str | None = None) -> Job:
        keys = [graph.key(table, source) for table in tables]
        return dg.define_asset_job(name, dg.AssetSelection.assets(*keys), description=about)

    def jobs(sources: Iterable[str], name: str, about: str, *tables: Table) -> dict[str, Job]:
        return {each: job(f"{name}_{each}", about.format(each), *tables, source=each) for each in sources}

    def derived(sources: Iterable[str], name: str, about: str, raw: Table, *tables: Table) -> dict[str, Job]:
        """What raw becomes; a source that is fed by files tells of its raw partitions on the way."""
        files = fed_by_files()
        return {
            each: job(f"{name}_{each}", about.format(each), *((raw,) if each in files else ()), *tables, source=each)
            for each in sources
        }

    return Jobs(
        snapshot=jobs(
            asked("snapshots"),
            "snapshot",
            "One live snapshot of {}, through to silver.",
            RAW_SNAPSHOTS,
            *FROM_SNAPSHOTS,
        ),
        close_day=derived(
            having("snapshots"),
            "close_day",
            "Days of {} once more, from what was landed.",
            RAW_SNAPSHOTS,
            *FROM_SNAPSHOTS,
        ),
        history=jobs(asked("history"), "history", "Daily history of {}, asked for again.", RAW_HISTORY, *FROM_HISTORY),
        derive_history=derived(
            having("history"),
            "derive_history",
            "History of {} once more, from what was landed.",
            RAW_HISTORY,
            *FROM_HISTORY,
        ),
        coins=jobs(asked("coins"), "coins", "The list of coins of {}.", RAW_COINS),
        files=job("files", "What is new in the drop folder.", DROPPED_FILES, FILE_QUARANTINE),
        identity=job("identity", "The crosswalk from its evidence.", CROSSWALK),
        gold=job("gold", "Unified prices where their inputs changed, and what there is.", UNIFIED_PRICES, ASSETS),
        view=job("count_unified_view", "What the unified view shows.", UNIFIED_VIEW),
    )
