"""The supervisor by itself: what keeps dying is given up, what a killed one left behind is stopped."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from running_up import until

from crypto_platform.supervisor import Service, StopAskedError, Supervisor, SupervisorError

_SLEEPS = "import time; time.sleep(600)"
_WITH_CHILD = f"import subprocess, sys, time; subprocess.Popen([sys.executable, '-c', {_SLEEPS!r}]); time.sleep(600)"


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def supervisor(tmp_path: Path, said: list[str]) -> Iterator[Supervisor]:
    made = Supervisor(tmp_path / "up.json", said.append, lambda: False)
    yield made
    made.stop()


def service(tmp_path: Path, program: str) -> Service:
    return Service("thing", [sys.executable, "-c", program], {}, tmp_path / "thing.log")


def test_what_keeps_dying_is_given_up_with_its_last_words(
    tmp_path: Path, supervisor: Supervisor, said: list[str]
) -> None:
    supervisor.keep(service(tmp_path, "raise SystemExit('no more ink')"))
    with pytest.raises(SupervisorError, match="The thing stopped 5 times within a minute: no more ink"):
        until(supervisor.tend, "it is given up")
    assert said.count("The thing stopped (exit code 1); starting it again …") == 4


def test_what_dies_while_it_starts_is_not_waited_for(tmp_path: Path, supervisor: Supervisor) -> None:
    thing = service(tmp_path, "raise SystemExit('no paper')")
    thing.ready = lambda: False
    supervisor.keep(thing)
    with pytest.raises(SupervisorError, match=r"The thing stopped while it started .*no paper"):
        supervisor.await_ready()


def test_a_wish_to_stop_is_heard_while_waiting(tmp_path: Path) -> None:
    supervisor = Supervisor(tmp_path / "up.json", lambda _line: None, lambda: True)
    thing = service(tmp_path, _SLEEPS)
    thing.ready = lambda: False
    supervisor.keep(thing)
    with pytest.raises(StopAskedError):
        supervisor.await_ready()
    supervisor.stop()
    assert thing.process
    assert not psutil.pid_exists(thing.process.pid)


def test_what_is_below_a_dead_service_is_stopped_before_it_starts_again(tmp_path: Path, supervisor: Supervisor) -> None:
    thing = service(tmp_path, _WITH_CHILD)
    supervisor.keep(thing)
    assert thing.process
    child = until(psutil.Process(thing.process.pid).children, "the child runs")[0]
    thing.process.kill()
    thing.process.wait()
    supervisor.tend()
    until(lambda: not child.is_running() or child.status() == psutil.STATUS_ZOMBIE, "the orphan is gone")
    assert thing.fate() is None


def test_leftovers_are_stopped_and_strangers_by_the_same_number_are_not(tmp_path: Path, supervisor: Supervisor) -> None:
    left, stranger = (
        subprocess.Popen([sys.executable, "-c", _SLEEPS], start_new_session=True, stdin=subprocess.DEVNULL)
        for _ in range(2)
    )
    try:
        born = {process.pid: psutil.Process(process.pid).create_time() for process in (left, stranger)}
        told = [(left.pid, born[left.pid]), (stranger.pid, born[stranger.pid] - 1_000)]
        (tmp_path / "up.json").write_text(json.dumps(told))
        assert supervisor.end_leftovers() == 1
        assert not psutil.pid_exists(left.pid)
        assert stranger.poll() is None
        assert not (tmp_path / "up.json").exists()
    finally:
        for process in (left, stranger):
            if process.poll() is None:
                os.killpg(process.pid, 9)
                process.wait()
