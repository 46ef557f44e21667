"""The only wiring: every asset, check, job, schedule, sensor and resource of the platform, for any settings."""

from __future__ import annotations

from collections.abc import Mapping

import dagster as dg
import pandas as pd  # noqa: F401 - pyarrow imports it with its first conversion; a second that no run should pay

from crypto_platform.assets.derived import assets as all_assets
from crypto_platform.assets.derived import crosswalk, from_history, from_snapshots, unified_prices
from crypto_platform.assets.files import from_files
from crypto_platform.assets.raw import raw_coins, raw_history, raw_snapshots
from crypto_platform.assets.view import unified_view
from crypto_platform.automation.jobs import build_jobs
from crypto_platform.automation.schedules import build_schedules
from crypto_platform.automation.sensors import build_sensors
from crypto_platform.checks.factory import checks_of
from crypto_platform.graph import Graph
from crypto_platform.io_managers import LakeIOManager, WarehouseIOManager
from crypto_platform.partitions import Calendar
from crypto_platform.platform import Platform
from crypto_platform.settings import load_settings
from crypto_platform.sources import asked, fed_by_files, having
from crypto_platform.tables import (
    ASSETS,
    BRONZE_MARKETS,
    CROSSWALK,
    HISTORIC_PRICES,
    SILVER_DAILY_METRICS,
    UNIFIED_PRICES,
    UNIVERSE,
)


def build_definitions(
    platform: Platform | None = None, resource_overrides: Mapping[str, object] | None = None
) -> dg.Definitions:
    """Everything Dagster operates; building it opens no store and asks no vendor."""
    platform = platform or Platform(load_settings())
    settings = platform.settings
    graph = Graph(platform, Calendar(settings.snapshot_start, settings.history_start))
    snapshots, histories = having("snapshots"), having("history")
    assets = [
        *(raw_snapshots(graph, source) for source in asked("snapshots")),
        *(raw_history(graph, source) for source in asked("history")),
        *(raw_coins(graph, source) for source in asked("coins")),
        *(asset for source in fed_by_files() for asset in from_files(graph, source)),
        *(asset for source in snapshots for asset in from_snapshots(graph, source)),
        *(asset for source in histories for asset in from_history(graph, source)),
        crosswalk(graph),
        unified_prices(graph, snapshots, histories),
        all_assets(graph),
        unified_view(graph, snapshots, histories),
    ]
    checked = [(table, source) for source in snapshots for table in (BRONZE_MARKETS, SILVER_DAILY_METRICS, UNIVERSE)]
    checked += [(HISTORIC_PRICES, source) for source in histories]
    jobs = build_jobs(graph)
    return dg.Definitions(
        assets=assets,
        asset_checks=[
            *(checks_of(graph, table, source) for table, source in checked),
            *(checks_of(graph, table, None) for table in (CROSSWALK, UNIFIED_PRICES, ASSETS)),
        ],
        jobs=jobs.all,
        schedules=build_schedules(graph, jobs),
        sensors=build_sensors(graph, jobs),
        executor=dg.in_process_executor,
        resources={
            "lake_io_manager": LakeIOManager(platform),
            "warehouse_io_manager": WarehouseIOManager(platform),
            **(resource_overrides or {}),
        },
    )


@dg.definitions
def defs() -> dg.Definitions:
    """The code location."""
    return build_definitions()
