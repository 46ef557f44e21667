"""docs/adding-a-source.md does what it says: its code, put into a copy of the platform, is a source like the others."""

from __future__ import annotations

import filecmp
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from marketlens import MarketLens

from crypto_platform.sandbox.answers import Vendor
from crypto_platform.sandbox.server import RunningSandbox, Sandbox
from crypto_platform.warehouse import Warehouse

ROOT = Path(__file__).parents[2]
DOCUMENT = ROOT / "docs" / "adding-a-source.md"
COPIED = ("crypto_platform", "sql", "dagster.yaml", "workspace.yaml")
REGISTRY = "crypto_platform/sources/__init__.py"
CURATED = """asset_id,symbol,name,marketlens
bitcoin,btc,Bitcoin,bitcoin
ethereum,eth,Ethereum,ethereum
"""

GRAPH = """
import json
from crypto_platform.definitions import build_definitions
definitions = build_definitions()
graph, repository = definitions.resolve_asset_graph(), definitions.get_repository_def()
keys = sorted(graph.get_all_asset_keys())
print(json.dumps({
    "assets": [key.to_user_string() for key in keys],
    "pools": {key.to_user_string(): sorted(graph.get(key).pools or ()) for key in keys},
    "checks": sorted({check.asset_key.to_user_string() for check in graph.asset_check_keys}),
    "jobs": sorted(job.name for job in repository.get_all_jobs()),
    "schedules": sorted(each.name for each in repository.schedule_defs),
}))
"""

COMMANDS = """
import contextlib, io, json, sys
from crypto_platform.cli.main import main
told = []
for arguments in json.loads(sys.argv[1]):
    with contextlib.redirect_stdout(io.StringIO()) as out:
        main(arguments, standalone_mode=False)
    told.append(json.loads(out.getvalue()))
print(json.dumps(told))
"""


class Host(Sandbox):
    """MarketLens on a port of this machine."""

    def __init__(self) -> None:
        super().__init__(coins=130)
        self.vendor = MarketLens(self.market)

    def mount_of(self, path: str) -> tuple[str, Vendor, bool] | None:
        return ("/v2", self.vendor, False) if path.startswith("/v2/") else None


@pytest.fixture(scope="module")
def vendor() -> Iterator[RunningSandbox]:
    with Host().serve() as running:
        yield running


@pytest.fixture(scope="module")
def written() -> dict[str, str]:
    """What the document says, by the file it says it of; the line to enter is under the registry's name."""
    text = DOCUMENT.read_text()
    blocks = dict(re.findall(r'^```\w+ title="([^"]+)"\n(.*?)^```$', text, re.MULTILINE | re.DOTALL))
    (line,) = re.findall(r"^```diff\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    return blocks | {REGISTRY: line}


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory, written: dict[str, str]) -> Path:
    """A copy of the platform, with the source of the document in it."""
    root = tmp_path_factory.mktemp("copy")
    for name in COPIED:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, root / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / name, root / name)
    for name, content in written.items():
        if name != REGISTRY:
            assert not (root / name).exists(), f"{name} is there already"
            (root / name).write_text(content)
    file = root / REGISTRY
    before = "".join(line[1:] for line in written[REGISTRY].splitlines(keepends=True) if line[0] == " ")
    after = "".join(line[1:] for line in written[REGISTRY].splitlines(keepends=True) if line[0] in " +")
    assert file.read_text().count(before) == 1, "the document shows the place as it is"
    file.write_text(file.read_text().replace(before, after))
    return root


@pytest.fixture
def run(platform: Path, tmp_path: Path, vendor: RunningSandbox, warehouse: Warehouse) -> Any:
    """Runs Python on the copy, in a process of its own; what it prints, as JSON."""
    curated = tmp_path / "curated.csv"
    curated.write_text(CURATED)
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("CRYPTO_", "DAGSTER_"))}
    environment |= {
        "PYTHONPATH": str(platform),
        "CRYPTO_HOME": str(tmp_path / "home"),
        "CRYPTO_UPSTREAM": "live",
        "CRYPTO_WAREHOUSE": warehouse.writer_url,
        "CRYPTO_WAREHOUSE_READER": warehouse.reader_url,
        "CRYPTO_CROSSWALK_FILE": str(curated),
        "CRYPTO_MARKETLENS_URL": f"{vendor.url}/v2",
        "CRYPTO_MARKETLENS_TOP": "120",
        "CRYPTO_RATE_LIMIT_DELAY": "0",
        "CRYPTO_MAX_RETRIES": "0",
    }

    def run(*command: str) -> Any:
        return json.loads(done_by(*command, folder=tmp_path, environment=environment).splitlines()[-1])

    return run


def done_by(*command: str, folder: Path, environment: dict[str, str] | None = None) -> str:
    """What Python printed, once it went well."""
    python = [sys.executable, *command]
    done = subprocess.run(python, cwd=folder, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, (done.stdout + done.stderr)[-4_000:]
    return done.stdout


def test_a_source_is_one_python_file_one_sql_file_and_one_line(platform: Path, written: dict[str, str]) -> None:
    changed, added = set(), set()

    def compare(left: Path, right: Path) -> None:
        found = filecmp.dircmp(left, right, ignore=["__pycache__"])
        changed.update(str((right / name).relative_to(platform)) for name in found.diff_files)
        added.update(str((right / name).relative_to(platform)) for name in found.right_only)
        for name in found.common_dirs:
            compare(left / name, right / name)

    for name in ("crypto_platform", "sql"):
        compare(ROOT / name, platform / name)
    assert added == {"crypto_platform/sources/marketlens.py", "sql/bronze/marketlens.sql"}
    assert changed == {REGISTRY}
    before, after = ((root / REGISTRY).read_text().splitlines() for root in (ROOT, platform))
    assert len(after) == len(before) + 1
    assert [line for line in after if line not in before] == ['    "marketlens",']


def test_the_documents_code_is_as_clean_as_the_platforms(platform: Path) -> None:
    for command in (["check"], ["format", "--check"]):
        config = ["--config", str(ROOT / "pyproject.toml"), "--no-cache"]
        done_by("-m", "ruff", *command, *config, "crypto_platform/sources/marketlens.py", folder=platform)


def test_the_suite_of_all_sources_finds_the_source_and_it_passes(platform: Path, tmp_path: Path) -> None:
    tests = [f"test_source_conformance{part}.py" for part in ("", "_days", "_rows", "_secrets")]
    for name in ("conformance.py", "conformance_bodies.py", "conformance_fixtures.py", *tests):
        shutil.copy(ROOT / "crypto_platform_tests" / "contract" / name, tmp_path / name)
    # The longest tests, of each field and each value, are left out.
    stand_in = Path(__file__).with_name("marketlens.py").read_text() + "\n\nSPECIMEN = specimen()\n"
    (tmp_path / "stand_in_marketlens.py").write_text(stand_in)
    options = [
        "-q",
        "-p",
        "no:cacheprovider",
        "-c",
        os.devnull,
        "--rootdir",
        str(tmp_path),
        "-k",
        "marketlens and not each_",
    ]
    told = done_by(
        "-m", "pytest", *options, *tests, folder=tmp_path, environment=os.environ | {"PYTHONPATH": str(platform)}
    )
    passed = re.search(r"(\d+) passed", told)
    assert passed, told
    assert int(passed[1]) > 25


def test_the_source_is_in_the_graph_with_everything_that_a_source_has(run: Any) -> None:
    told = run("-c", GRAPH)

    def like(names: list[str], other: str) -> list[str]:
        return sorted(name.replace(other, "marketlens") for name in names if other in name)

    for what in ("assets", "checks", "jobs", "schedules"):
        assert like(told[what], "marketlens") == like(told[what], "coinpaprika") != [], what
    asking = [f"{table}/marketlens" for table in ("raw_coins", "raw_history", "raw_snapshots")]
    assert {asset for asset, pools in told["pools"].items() if pools == ["marketlens"]} == set(asking)


def test_the_source_lands_and_is_seen_everywhere(run: Any, vendor: RunningSandbox) -> None:
    today = datetime.now(UTC).date()
    first = today - timedelta(days=20)
    days = ["--from", first.isoformat(), "--to", "now", "--json"]
    commands = [
        ["snapshot", "--source", "marketlens", "--json"],
        ["backfill", "historic_prices", "--source", "marketlens", "--yes", *days],
        ["backfill", "unified_prices", *days],
        ["status", "--json"],
        ["query", "--json", "select source, asset_id, metric_date, close_usd from unified_prices"],
    ]
    snapshot, history, _, status, prices = run("-c", COMMANDS, json.dumps(commands))

    assert {row["table"]: row["rows"] for row in snapshot}["raw_snapshots"] == 130
    assert {row["table"]: row["rows"] for row in snapshot}["silver_daily_metrics"] > 100
    (part,) = history["plan"]["sources"]
    assert (part["source"], part["calls"]) == ("marketlens", 2)
    assert history["failed"] == {}

    told = {row["kind"]: row for row in status["sources"] if row["source"] == "marketlens"}
    assert {kind: (row["status"], row["pages"]) for kind, row in told.items()} == {
        "snapshot": ("success", 2),
        "history": ("success", 2),
    }
    (budget,) = (row for row in status["budgets"] if row["source"] == "marketlens")
    assert (budget["spent"], budget["left"], budget["per_minute"]) == (4, 4_996, 30)

    closes = {
        (row["asset_id"], row["metric_date"]): row["close_usd"] for row in prices if row["source"] == "marketlens"
    }
    for coin in ("bitcoin", "ethereum"):
        truth = Host().vendor.closes(coin, first, today - timedelta(days=2))
        assert {day: closes[coin, day.isoformat()] for day in truth} == pytest.approx(truth)
