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

from crypto_platform.cli.report import reports
from crypto_platform.definitions import build_definitions
from crypto_platform.io_managers import table_of
from crypto_platform.platform import Platform
from crypto_platform.settings import load_settings
from crypto_platform.sources import SOURCES
from crypto_platform.tables import TABLES, stretches

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.filterwarnings("ignore::dagster.BetaWarning", "ignore::dagster.PreviewWarning")

SNAPSHOTS = ["coingecko", "coinpaprika", "csv"]
HISTORIES = ["coingecko", "coinpaprika", "csv", "yahoo"]
FILES = ["dropped_files"]
"""What the raw tables of a source that is fed by files depend on."""

# key: partitions, group, what it depends on
ASSETS = {
    "raw_coins/coingecko": ("daily", "identity", []),
    "raw_coins/coinpaprika": ("daily", "identity", []),
    "dropped_files": (None, "files", []),
    "file_quarantine": (None, "files", ["dropped_files"]),
    **{f"raw_snapshots/{each}": ("daily", "raw", FILES if each == "csv" else []) for each in SNAPSHOTS},
    **{f"bronze_markets/{each}": ("daily", "bronze", [f"raw_snapshots/{each}"]) for each in SNAPSHOTS},
    **{f"quarantine/{each}": ("daily", "bronze", [f"raw_snapshots/{each}"]) for each in SNAPSHOTS},
    **{f"silver_daily_metrics/{each}": ("daily", "silver", [f"bronze_markets/{each}"]) for each in SNAPSHOTS},
    **{f"universe/{each}": ("daily", "silver", [f"silver_daily_metrics/{each}"]) for each in SNAPSHOTS},
    **{f"raw_history/{each}": ("monthly", "raw", FILES if each == "csv" else ["crosswalk"]) for each in HISTORIES},
    **{f"historic_prices/{each}": ("monthly", "historic", [f"raw_history/{each}"]) for each in HISTORIES},
    **{f"historic_quarantine/{each}": ("monthly", "historic", [f"raw_history/{each}"]) for each in HISTORIES},
    "crosswalk": (None, "identity", ["dropped_files", "raw_coins/coingecko", "raw_coins/coinpaprika"]),
    "unified_prices": (
        "monthly",
        "gold",
        [
            "crosswalk",
            *(f"historic_prices/{each}" for each in HISTORIES),
            *(f"silver_daily_metrics/{each}" for each in SNAPSHOTS),
        ],
    ),
    "assets": (None, "gold", ["crosswalk", "unified_prices"]),
    "unified_view": (
        None,
        "gold",
        [
            *(f"bronze_markets/{each}" for each in SNAPSHOTS),
            "crosswalk",
            *(f"historic_prices/{each}" for each in HISTORIES),
            "unified_prices",
        ],
    ),
}
IMPLIED = ["key_is_unique", "required_columns_are_filled"]
BRONZE = ["key_is_unique", "price_lies_within_its_24_hours", "prices_are_positive", "required_columns_are_filled"]
BARS = ["close_lies_within_low_and_high", "key_is_unique", "prices_are_positive", "required_columns_are_filled"]
CHECKS = {
    **{f"bronze_markets/{each}": BRONZE for each in SNAPSHOTS},
    **{f"silver_daily_metrics/{each}": ["close_lies_within_low_and_high", *IMPLIED] for each in SNAPSHOTS},
    **{f"universe/{each}": IMPLIED for each in SNAPSHOTS},
    **{f"historic_prices/{each}": BARS for each in HISTORIES},
    "crosswalk": IMPLIED,
    "unified_prices": [
        "key_is_unique",
        "prices_are_positive",
        "required_columns_are_filled",
        "sources_agree",
        "sources_date_their_bars_alike",
    ],
    "assets": IMPLIED,
}


def of(source: str, *tables: str) -> list[str]:
    return [f"{table}/{source}" for table in tables]


FROM_SNAPSHOTS = ("bronze_markets", "quarantine", "silver_daily_metrics", "universe")
FROM_HISTORY = ("historic_prices", "historic_quarantine")
JOBS = {
    **{f"snapshot_{each}": sorted(of(each, "raw_snapshots", *FROM_SNAPSHOTS)) for each in ("coingecko", "coinpaprika")},
    **{f"close_day_{each}": of(each, *FROM_SNAPSHOTS) for each in ("coingecko", "coinpaprika")},
    "close_day_csv": sorted(of("csv", "raw_snapshots", *FROM_SNAPSHOTS)),
    **{f"history_{each}": of(each, *FROM_HISTORY, "raw_history") for each in ("coingecko", "coinpaprika", "yahoo")},
    **{f"derive_history_{each}": of(each, *FROM_HISTORY) for each in ("coingecko", "coinpaprika", "yahoo")},
    "derive_history_csv": of("csv", *FROM_HISTORY, "raw_history"),
    "coins_coingecko": ["raw_coins/coingecko"],
    "coins_coinpaprika": ["raw_coins/coinpaprika"],
    "files": ["dropped_files", "file_quarantine"],
    "gold": ["assets", "unified_prices"],
    "identity": ["crosswalk"],
    "count_unified_view": ["unified_view"],
}
# name: cron in UTC, job
SCHEDULES = {
    **{f"snapshot_{each}": ("0 * * * *", f"snapshot_{each}") for each in ("coingecko", "coinpaprika")},
    **{f"daily_close_{each}_snapshots": ("15 4 * * *", f"close_day_{each}") for each in ("coingecko", "coinpaprika")},
    **{
        f"daily_close_{each}_history": ("15 4 * * *", f"history_{each}")
        for each in ("coingecko", "coinpaprika", "yahoo")
    },
    **{f"coins_{each}": ("30 3 * * *", f"coins_{each}") for each in ("coingecko", "coinpaprika")},
}
SENSORS = {
    "read_files": ["files"],
    "catch_up": [
        *(f"close_day_{each}" for each in ("coingecko", "coinpaprika", "csv")),
        *(f"derive_history_{each}" for each in ("coingecko", "coinpaprika", "yahoo", "csv")),
    ],
    "refresh_gold": ["gold"],
    "refresh_identity": ["identity"],
}

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
    monkeypatch.setenv("CRYPTO_DAILY_CLOSE_CRON", "30 2 * * *")
    schedules = build_definitions(Platform(load_settings())).get_repository_def().schedule_defs
    crons = {each.name: each.cron_schedule for each in schedules}
    assert crons["snapshot_coingecko"] == "0 5,17 * * *"
    assert crons["daily_close_coingecko_snapshots"] == "30 2 * * *"
    assert crons["daily_close_yahoo_history"] == "30 2 * * *"
    assert crons["coins_coingecko"] == "30 3 * * *"


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
    folders = ("files", "bronze", "silver", "historic", "identity", "gold", "reports")
    files = {path.stem for folder in folders for path in (ROOT / "sql" / folder).glob("*.sql")}
    per_source = {name for name, source in SOURCES.items() if source.has_snapshots}
    reported = {name.replace("-", "_") for name in reports()} - {"batches"}
    assert files == names_of_queries() | per_source | reported | {"unified_view"}


def test_every_check_file_is_a_check_of_an_asset() -> None:
    checks = {(asset.split("/")[0], name) for asset, names in CHECKS.items() for name in names}
    files = {tuple(path.stem.split("__", 1)) for path in (ROOT / "sql" / "checks").glob("*.sql")}
    assert files - checks == set()


def test_every_other_sql_file_is_named_in_the_code() -> None:
    known = {
        path
        for folder in ("files", "bronze", "silver", "historic", "identity", "gold", "checks", "reports")
        for path in (ROOT / "sql" / folder).iterdir()
    }
    code = "\n".join(path.read_text("utf-8") for path in (ROOT / "crypto_platform").rglob("*.py"))
    for path in set((ROOT / "sql").rglob("*.sql")) - known:
        is_migration = path.parent.name == "warehouse" and path.name[:4].isdigit()
        assert is_migration or f'"{path.relative_to(ROOT)}"' in code, path


def names_of_queries() -> set[str]:
    """The names that are given to `Query` as text."""
    found = set()
    for path in (ROOT / "crypto_platform").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Query":
                first = node.args[0]
                if isinstance(first, ast.Constant):
                    found.add(first.value)
    return found


def test_months_are_refreshed_in_stretches_without_a_hole() -> None:
    months = ["2023-11", "2023-12", "2024-01", "2024-03"]
    assert stretches(months) == [("2023-11", "2024-01"), ("2024-03", "2024-03")]
    assert stretches(["2026-02-27", "2026-02-28", "2026-03-01"]) == [("2026-02-27", "2026-03-01")]
    assert stretches([]) == []
