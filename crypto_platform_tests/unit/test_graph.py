"""The graph that Dagster operates, written out by hand, so that a change of it shows; and that loading it does nothing.

When an asset, check, job or schedule is meant to come or go, change the lists here with it.
"""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

import dagster as dg
import pytest

from crypto_platform.automation.sensors import stretches
from crypto_platform.definitions import build_definitions
from crypto_platform.io_managers import table_of
from crypto_platform.platform import Platform
from crypto_platform.settings import load_settings
from crypto_platform.sources import SOURCES
from crypto_platform.tables import TABLES

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.filterwarnings("ignore::dagster.BetaWarning", "ignore::dagster.PreviewWarning")

# key: partitions, group, what it depends on
ASSETS = {
    "raw_snapshots/coingecko": ("daily", "raw", []),
    "bronze_markets/coingecko": ("daily", "bronze", ["raw_snapshots/coingecko"]),
    "quarantine/coingecko": ("daily", "bronze", ["raw_snapshots/coingecko"]),
    "silver_daily_metrics/coingecko": ("daily", "silver", ["bronze_markets/coingecko"]),
    "raw_history/yahoo": ("monthly", "raw", []),
    "historic_prices/yahoo": ("monthly", "historic", ["raw_history/yahoo"]),
    "historic_quarantine/yahoo": ("monthly", "historic", ["raw_history/yahoo"]),
    "crosswalk": (None, "identity", []),
    "unified_prices": (
        "monthly",
        "gold",
        ["crosswalk", "historic_prices/yahoo", "silver_daily_metrics/coingecko"],
    ),
    "unified_view": (
        None,
        "gold",
        ["bronze_markets/coingecko", "crosswalk", "historic_prices/yahoo", "unified_prices"],
    ),
}
CHECKS = {
    "bronze_markets/coingecko": [
        "key_is_unique",
        "price_lies_within_its_24_hours",
        "prices_are_positive",
        "required_columns_are_filled",
    ],
    "silver_daily_metrics/coingecko": [
        "close_lies_within_low_and_high",
        "key_is_unique",
        "required_columns_are_filled",
    ],
    "historic_prices/yahoo": [
        "close_lies_within_low_and_high",
        "key_is_unique",
        "prices_are_positive",
        "required_columns_are_filled",
    ],
    "unified_prices": [
        "key_is_unique",
        "prices_are_positive",
        "required_columns_are_filled",
        "sources_agree",
    ],
}
JOBS = {
    "snapshot_coingecko": [
        "bronze_markets/coingecko",
        "quarantine/coingecko",
        "raw_snapshots/coingecko",
        "silver_daily_metrics/coingecko",
    ],
    "close_day_coingecko": [
        "bronze_markets/coingecko",
        "quarantine/coingecko",
        "silver_daily_metrics/coingecko",
    ],
    "history_yahoo": ["historic_prices/yahoo", "historic_quarantine/yahoo", "raw_history/yahoo"],
    "gold": ["unified_prices"],
    "identity": ["crosswalk"],
    "count_unified_view": ["unified_view"],
}
# name: cron in UTC, job
SCHEDULES = {
    "snapshot_coingecko": ("0 * * * *", "snapshot_coingecko"),
    "daily_close_coingecko_snapshots": ("15 4 * * *", "close_day_coingecko"),
    "daily_close_yahoo_history": ("15 4 * * *", "history_yahoo"),
}
SENSORS = {"refresh_gold": ["gold"], "refresh_identity": ["identity"]}

LOADING = """
import json, os, sys

import dagster

done = []

def notice(event, arguments):
    writes = event == "open" and isinstance(arguments[2], int) and arguments[2] & (os.O_WRONLY | os.O_RDWR)
    if event in {"socket.connect", "socket.getaddrinfo", "subprocess.Popen", "os.fork", "os.mkdir"} or writes:
        done.append(f"{event} {arguments[0]}")

sys.addaudithook(notice)
import crypto_platform.definitions

definitions = crypto_platform.definitions.defs()
definitions.get_repository_def()
print(json.dumps({"done": done, "assets": len(definitions.resolve_asset_graph().get_all_asset_keys())}))
"""


@pytest.fixture
def definitions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dg.Definitions:
    """The code location as a machine without any settings has it."""
    monkeypatch.chdir(tmp_path)
    return build_definitions(Platform(load_settings(home=tmp_path / "home")))


def keys_of(job: dg.JobDefinition) -> list[str]:
    return sorted(key.to_user_string() for key in job.asset_layer.executable_asset_keys)


def test_a_fresh_interpreter_loads_the_definitions_and_touches_nothing(tmp_path: Path) -> None:
    environment = {
        "PATH": "/usr/bin:/bin",
        "HOME": str(tmp_path),
        "PYTHONPATH": str(ROOT),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    loaded = subprocess.run(
        [sys.executable, "-c", LOADING],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert loaded.returncode == 0, loaded.stderr
    told = json.loads(loaded.stdout)
    assert told["assets"] == len(ASSETS)
    assert told["done"] == []
    assert list(tmp_path.iterdir()) == []


def test_the_assets_are_these(definitions: dg.Definitions) -> None:
    graph = definitions.resolve_asset_graph()
    spelled = {dg.DailyPartitionsDefinition: "daily", dg.MonthlyPartitionsDefinition: "monthly", type(None): None}
    found = {}
    for key in graph.get_all_asset_keys():
        node = graph.get(key)
        parents = sorted(parent.to_user_string() for parent in node.parent_keys)
        found[key.to_user_string()] = (spelled[type(node.partitions_def)], node.group_name, parents)
    assert found == ASSETS


def test_the_checks_are_these(definitions: dg.Definitions) -> None:
    found: dict[str, list[str]] = {}
    for check in sorted(definitions.resolve_asset_graph().asset_check_keys):
        found.setdefault(check.asset_key.to_user_string(), []).append(check.name)
    assert found == CHECKS


def test_the_jobs_are_these(definitions: dg.Definitions) -> None:
    jobs = definitions.get_repository_def().get_all_jobs()
    assert {job.name: keys_of(job) for job in jobs if not job.name.startswith("__")} == JOBS


def test_the_schedules_and_sensors_are_these_and_run_from_the_start(definitions: dg.Definitions) -> None:
    repository = definitions.get_repository_def()
    schedules, sensors = repository.schedule_defs, repository.sensor_defs
    assert {each.name: (each.cron_schedule, each.job_name) for each in schedules} == SCHEDULES
    assert {each.execution_timezone for each in schedules} == {"UTC"}
    assert {each.name: [target.job_name for target in each.targets] for each in sensors} == SENSORS
    assert {each.default_status for each in schedules} == {dg.DefaultScheduleStatus.RUNNING}
    assert {each.default_status for each in sensors} == {dg.DefaultSensorStatus.RUNNING}


def test_the_environment_sets_when_snapshots_are_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CRYPTO_SNAPSHOT_CRON", "0 5,17 * * *")
    monkeypatch.setenv("CRYPTO_DAILY_CLOSE_CRON", "30 3 * * *")
    schedules = build_definitions(Platform(load_settings())).get_repository_def().schedule_defs
    crons = {each.name: each.cron_schedule for each in schedules}
    assert crons == {
        "snapshot_coingecko": "0 5,17 * * *",
        "daily_close_coingecko_snapshots": "30 3 * * *",
        "daily_close_yahoo_history": "30 3 * * *",
    }


def test_history_begins_where_the_settings_say_and_today_exists(definitions: dg.Definitions) -> None:
    graph = definitions.resolve_asset_graph()
    days = graph.get(dg.AssetKey(["raw_snapshots", "coingecko"])).partitions_def
    months = graph.get(dg.AssetKey(["historic_prices", "yahoo"])).partitions_def
    assert days is not None
    assert months is not None
    assert days.get_first_partition_key() == "2026-01-01"
    assert months.get_first_partition_key() == "2013-01"
    assert months.get_last_partition_key() == str(days.get_last_partition_key())[:7]


def test_every_asset_says_what_it_is_whose_it_is_and_what_its_columns_are(definitions: dg.Definitions) -> None:
    graph = definitions.resolve_asset_graph()
    for key in graph.get_all_asset_keys():
        node, (table, _) = graph.get(key), table_of(key)
        assert (node.description or "").startswith(table.about), key
        assert node.owners == ["team:market-data"], key
        assert node.kinds, key
        assert node.group_name != "default", key
        schema = node.metadata["dagster/column_schema"]
        assert isinstance(schema, dg.TableSchema), key
        assert tuple(column.name for column in schema.columns) == table.column_names, key
        assert all(column.description for column in schema.columns), key


def test_every_table_of_the_registry_is_an_asset() -> None:
    assert {key.split("/")[0] for key in ASSETS} == set(TABLES)


def test_every_sql_file_has_a_name_of_its_own() -> None:
    stems = Counter(path.stem for path in (ROOT / "sql").rglob("*.sql"))
    assert [stem for stem, times in stems.items() if times > 1] == []


def test_every_transformation_is_asked_for_by_name() -> None:
    folders = ("bronze", "silver", "historic", "gold")
    files = {path.stem for folder in folders for path in (ROOT / "sql" / folder).glob("*.sql")}
    per_source = {name for name, source in SOURCES.items() if source.has_snapshots}
    assert files == names_of_queries() | per_source | {"unified_view"}


def test_every_check_file_is_a_check_of_an_asset() -> None:
    checks = {(asset.split("/")[0], name) for asset, names in CHECKS.items() for name in names}
    files = {tuple(path.stem.split("__", 1)) for path in (ROOT / "sql" / "checks").glob("*.sql")}
    assert files - checks == set()


def test_every_other_sql_file_is_named_in_the_code() -> None:
    known = {
        path
        for folder in ("bronze", "silver", "historic", "gold", "checks")
        for path in (ROOT / "sql" / folder).iterdir()
    }
    code = "\n".join(path.read_text("utf-8") for path in (ROOT / "crypto_platform").rglob("*.py"))
    for path in set((ROOT / "sql").rglob("*.sql")) - known:
        is_migration = path.parent.name == "warehouse" and path.name[:4].isdigit()
        assert is_migration or f'"{path.relative_to(ROOT)}"' in code, path


def names_of_queries() -> set[str]:
    """The names that assets give to `Query` as text."""
    found = set()
    for path in (ROOT / "crypto_platform" / "assets").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Query":
                first = node.args[0]
                if isinstance(first, ast.Constant):
                    found.add(first.value)
    return found


def test_months_are_refreshed_in_stretches_without_a_hole() -> None:
    months = ["2023-11", "2023-12", "2024-01", "2024-03"]
    assert stretches(months) == [("2023-11", "2024-01"), ("2024-03", "2024-03")]
    assert stretches([]) == []
