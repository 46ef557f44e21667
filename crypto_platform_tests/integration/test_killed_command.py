"""A command that is killed in the middle of its run: the next one goes on as if nothing had been."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import requests

from crypto_platform.platform import Platform
from crypto_platform.run_process import lives, this_process
from crypto_platform.runner import open_runner
from crypto_platform.sandbox.faults import Plan, Rule
from crypto_platform.sandbox.server import Sandbox
from crypto_platform.settings import load_settings

COMMAND = [sys.executable, "-m", "crypto_platform.cli"]


def test_a_snapshot_after_a_killed_one_succeeds_and_the_dead_run_is_told_of(tmp_path: Path) -> None:
    market = Sandbox(7, 200, faults=Plan([Rule(kind="timeout", vendor="coingecko")], 1))
    with market.serve() as running:
        environment = os.environ | {
            "CRYPTO_HOME": str(tmp_path / "home"),
            "CRYPTO_UPSTREAM": "sandbox",
            "CRYPTO_SANDBOX_URL": running.url,
            "CRYPTO_COINGECKO_TOP": "20",
        }
        tmp_path.parent.chmod(0o755)
        killed = subprocess.Popen([*COMMAND, "snapshot"], env=environment, start_new_session=True)
        deadline = time.monotonic() + 60
        while not _was_asked(running.url):
            assert time.monotonic() < deadline, "the vendor was never asked"
            time.sleep(0.05)
        os.killpg(killed.pid, signal.SIGKILL)
        killed.wait()
        requests.put(f"{running.url}/_sandbox/faults", json={"rules": [], "seed": 1}, timeout=10).raise_for_status()
        done = subprocess.run(
            [*COMMAND, "snapshot", "--json"], env=environment, capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode == 0, done.stderr
        rows = {row["table"]: row["rows"] for row in json.loads(done.stdout) if row["source"] == "coingecko"}
        settings = load_settings(home=tmp_path / "home", sandbox_url=running.url)
        with Platform(settings) as platform, open_runner(platform) as runner:
            ended = {run.status.value for run in runner.instance.get_runs()}
    assert rows["raw_snapshots"] == 20
    assert ended == {"FAILURE", "SUCCESS"}


def _was_asked(url: str) -> bool:
    told = requests.get(f"{url}/_sandbox/requests", timeout=10).json()
    return any(request["vendor"] == "coingecko" for request in told["requests"])


@pytest.mark.parametrize("told", ["1 0.0", "999999999 1700000000.0"])
def test_a_process_that_is_another_or_none_does_not_live(told: str) -> None:
    assert lives(this_process())
    assert not lives(told)
