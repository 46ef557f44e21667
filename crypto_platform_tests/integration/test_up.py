"""`crypto-platform up` as somebody uses it: it starts, ticks, mends itself, and leaves nothing behind."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import urllib.error
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from running_up import RunningUp, environment, left_behind, processes_of, until

_NEVER = "59 23 29 2 *"
_STOP_SECONDS = 15

_LAUNCH = """mutation Launch($execution: ExecutionParams!) { launchRun(executionParams: $execution) {
    __typename ... on LaunchRunSuccess { run { runId } } ... on PythonError { message } } }"""

_COINS_OF_YAHOO = "select count(distinct source_asset_id) as coins from historic_prices where source = 'yahoo'"


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningUp]:
    """An `up` on a new home, whose schedules tick every minute."""
    home = tmp_path_factory.mktemp("up") / "home"
    crons = {"SNAPSHOT_CRON": "* * * * *", "DAILY_CLOSE_CRON": "* * * * *"}
    with RunningUp(home, COINGECKO_TOP="15", HISTORY_TOP="3", UNIVERSE_SIZE="3", SANDBOX_COINS="40", **crons) as up:
        yield up.start().await_ready()


@pytest.fixture(scope="module")
def range_run(running: RunningUp) -> str:
    """The id of a run of three months of history, launched as the UI does."""
    months = {"dagster/asset_partition_range_start": "2020-01", "dagster/asset_partition_range_end": "2020-03"}
    execution = {
        "selector": {
            "repositoryLocationName": "crypto_platform",
            "repositoryName": "__repository__",
            "jobName": "history_yahoo",
        },
        "executionMetadata": {"tags": [{"key": key, "value": value} for key, value in months.items()]},
    }
    launched = running.graphql(_LAUNCH, execution=execution)["launchRun"]
    assert launched["__typename"] == "LaunchRunSuccess", launched
    return str(launched["run"]["runId"])


@pytest.fixture
def quiet(tmp_path: Path) -> Iterator[RunningUp]:
    """An `up` yet to be started, on a new home whose schedules never tick."""
    with RunningUp(tmp_path / "home", SNAPSHOT_CRON=_NEVER, DAILY_CLOSE_CRON=_NEVER, COINGECKO_TOP="15") as up:
        yield up


def rows(home: Path, sql: str) -> list[dict[str, Any]]:
    command = [sys.executable, "-m", "crypto_platform.cli", "query", "--json", sql]
    told = subprocess.run(command, env=environment(home), capture_output=True, text=True, timeout=60, check=True)
    found: list[dict[str, Any]] = json.loads(told.stdout)
    return found


def refused(up: RunningUp) -> str:
    """What an `up` says that ends at once with an error."""
    return ended(up.start())


def ended(up: RunningUp) -> str:
    """What an `up` says that ends with an error."""
    assert up.process.wait(60) == 1
    until(lambda: "Error:" in up.words, "a sentence")
    assert "Traceback" not in up.words
    return " ".join(up.words.split())


def test_a_second_up_on_one_home_is_refused_and_disturbs_nothing(running: RunningUp) -> None:
    told = refused(RunningUp(running.home))
    assert f"already runs on {running.home} (process {running.process.pid})" in told
    assert running.runs() is not None
    assert (running.home / "up.lock").read_text() == str(running.process.pid)


def test_a_taken_port_is_refused_and_leaves_nothing_behind(running: RunningUp, tmp_path: Path) -> None:
    port = running.url.rsplit(":", 1)[-1]
    told = refused(RunningUp(tmp_path / "other", DAGSTER_PORT=port))
    assert f"port {port} cannot be had" in told
    assert "CRYPTO_DAGSTER_PORT" in told
    assert left_behind(tmp_path / "other") == []


def test_a_new_home_gets_its_first_snapshot_at_once(running: RunningUp) -> None:
    running.await_words("The first snapshot of coingecko has landed")
    assert rows(running.home, "select count(*) > 0 as some from silver_daily_metrics") == [{"some": True}]
    # The run below the code server has the settings of the command.
    batches = "select count(*) as n from raw_snapshots group by batch_id order by max(fetched_at) limit 1"
    assert rows(running.home, batches) == [{"n": 15}]


def test_a_job_launched_with_range_tags_runs_from_the_daemon(running: RunningUp, range_run: str) -> None:
    def status() -> str:
        return str(next(run["status"] for run in running.runs("history_yahoo") if run["runId"] == range_run))

    until(lambda: status() in ("SUCCESS", "FAILURE"), "the range run ends", tell=status)
    assert status() == "SUCCESS"
    bars = "select count(distinct bar_date) as days from historic_prices where bar_date < date '2020-04-01'"
    assert rows(running.home, bars) == [{"days": 91}]


@pytest.mark.parametrize(
    ("process", "name"),
    [
        ("crypto_platform.cli sandbox", "simulated market"),
        ("dagster code-server start", "code server"),
        ("dagster api grpc", "code server"),
        ("dagster_webserver", "webserver"),
        ("dagster._daemon", "daemon"),
        ("bin/postgres -D", "PostgreSQL server"),
    ],
)
def test_what_is_killed_is_started_again(running: RunningUp, process: str, name: str) -> None:
    before = running.words.count(f"The {name} is back.")
    running.child(process).kill()
    running.await_words(f"The {name} is back.", before + 1)
    assert running.child(process).is_running()

    def answers() -> bool:  # each connection of the pool finds out for itself that its server is a new one
        with suppress(urllib.error.URLError):
            return bool(running.runs())
        return False

    until(answers, "the UI answers")


def test_schedules_run_with_the_settings_of_the_command(running: RunningUp) -> None:
    """A snapshot, yesterday's close, and history as one run of a range of months."""
    for job in ("snapshot_coingecko", "close_day_coingecko", "history_yahoo"):
        until(partial(succeeded, running, job, "dagster/schedule_name"), f"{job} succeeds")
    assert "dagster/asset_partition_range_start" in tags(succeeded(running, "history_yahoo")[0])
    assert rows(running.home, _COINS_OF_YAHOO) == [{"coins": 3}]


def test_the_sensor_refreshes_gold(running: RunningUp) -> None:
    runs = until(lambda: succeeded(running, "gold", "dagster/sensor_name"), "gold is refreshed", seconds=120)
    assert tags(runs[0])["dagster/sensor_name"] == "refresh_gold"
    assert rows(running.home, "select count(*) > 0 as some from unified_prices") == [{"some": True}]


def test_one_signal_stops_everything(running: RunningUp) -> None:
    """The last test of this `up`; a run is under way, or about to be."""
    seconds = running.end(signal.SIGINT)
    assert running.process.returncode == 0, running.words
    assert seconds < _STOP_SECONDS
    assert left_behind(running.home) == []


@pytest.mark.parametrize("words", ["", "webserver is ready"])
def test_it_can_be_stopped_while_it_starts(quiet: RunningUp, words: str) -> None:
    quiet.start()
    if words:
        quiet.await_words(words)
    else:
        until((quiet.home / "up.lock").exists, "the lock is taken")
    seconds = quiet.end(signal.SIGTERM)
    assert quiet.process.returncode == 0, quiet.words
    assert "Stopped; nothing is left running." in quiet.words
    assert seconds < _STOP_SECONDS
    assert left_behind(quiet.home) == []


def test_after_a_kill_it_starts_again_and_the_interrupted_run_is_tried_again(quiet: RunningUp) -> None:
    """Everything at once is killed, as by a power cut; nobody could write down that a run had ended."""
    quiet.settings |= {"COINGECKO_TOP": "500", "RATE_LIMIT_DELAY": "3"}
    quiet.start().await_ready()
    first = until(lambda: [run for run in quiet.runs() if run["status"] == "STARTED"], "a run is under way")[0]
    for process in processes_of(quiet.home):
        with suppress(Exception):
            process.kill()
    quiet.process.wait(10)
    quiet.start().await_ready()

    def told(run: str) -> dict[str, Any]:
        return next(each for each in quiet.runs() if each["runId"] == run)

    until(lambda: told(first["runId"])["status"] == "FAILURE", "the dead run is found out")
    until(lambda: tags(told(first["runId"])).get("dagster/auto_retry_run_id"), "and tried again")


def test_what_a_killed_up_left_running_is_stopped_by_the_next(quiet: RunningUp) -> None:
    quiet.start()
    quiet.await_words("webserver is ready")
    port = quiet.child("dagster_webserver").cmdline()[-1]
    quiet.process.kill()
    quiet.process.wait(10)
    quiet.settings["DAGSTER_PORT"] = port
    quiet.start().await_ready()
    assert quiet.child("dagster_webserver").is_running()
    assert quiet.end(signal.SIGINT) < _STOP_SECONDS
    assert left_behind(quiet.home) == []


def test_code_that_does_not_load_ends_it_with_one_sentence(quiet: RunningUp) -> None:
    quiet.settings["SNAPSHOT_CRON"] = "61 * * * *"
    assert "invalid cron schedule '61 * * * *'" in refused(quiet)
    assert left_behind(quiet.home) == []


def succeeded(up: RunningUp, job: str, tag: str | None = None) -> list[dict[str, Any]]:
    return [run for run in up.runs(job) if run["status"] == "SUCCESS" and (tag is None or tag in tags(run))]


def tags(run: dict[str, Any]) -> dict[str, str]:
    return {tag["key"]: tag["value"] for tag in run["tags"]}
