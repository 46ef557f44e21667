"""`crypto-platform up` as tests run it: a process on a home of its own, its words, its children, its UI."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

import psutil

from crypto_platform.settings import Settings

T = TypeVar("T")


class RunningUp:
    """One `up`; leaving the `with` block kills whatever it has left, so that a failed test leaves nothing behind."""

    def __init__(self, home: Path, **settings: str) -> None:
        self.home = home
        self.url = ""
        self.settings = {"DAGSTER_PORT": "0", "SANDBOX_PORT": "0", **settings}
        self._said: list[str] = []

    def start(self) -> RunningUp:
        self._said.clear()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "crypto_platform.cli", "up", "--sandbox"],
            env=environment(self.home, **self.settings) | {"PYTHONFAULTHANDLER": "1"},
            cwd=self.home.parent,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self._reader = threading.Thread(target=self._read, args=(self.process.stdout,), daemon=True)
        self._reader.start()
        return self

    def await_ready(self) -> RunningUp:
        self.await_words("Ctrl-C stops all of it.")
        self.url = next(line.split()[-1] for line in self._said if line.startswith("Dagster UI"))
        return self

    def await_words(self, words: str, times: int = 1) -> None:
        def said() -> bool:
            if self.process.poll() is not None and not self._reader.is_alive():
                raise AssertionError(
                    f"`up` ended with {self.process.returncode} before it said {words!r}: {self.words}"
                )
            return self.words.count(words) >= times

        until(said, f"`up` says {words!r}", tell=lambda: self.words)

    @property
    def words(self) -> str:
        return "\n".join(self._said)

    def end(self, number: signal.Signals = signal.SIGINT) -> float:
        """Send a signal and wait for the end; the seconds that took."""
        begun = time.monotonic()
        self.process.send_signal(number)
        try:
            self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.process.send_signal(signal.SIGABRT)  # it says where it hangs
            self._reader.join(10)
            raise AssertionError(f"`up` did not end: {self.words}") from None
        self._reader.join(10)
        return time.monotonic() - begun

    def child(self, part: str) -> psutil.Process:
        """The process whose command line contains these words."""
        commands = commands_of(self.home)
        found = [process for process, command in commands if part in command]
        assert len(found) == 1, (part, [command for _, command in commands])
        return found[0]

    def graphql(self, query: str, **variables: object) -> dict[str, Any]:
        body = json.dumps({"query": query, "variables": variables}).encode()
        request = urllib.request.Request(f"{self.url}/graphql", body, {"Content-Type": "application/json"})
        direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with direct.open(request, timeout=30) as answer:
            told: dict[str, Any] = json.load(answer)
        assert "errors" not in told, told["errors"]
        data: dict[str, Any] = told["data"]
        return data

    def runs(self, job: str | None = None) -> list[dict[str, Any]]:
        """The runs there are, newest first."""
        query = """query Runs($filter: RunsFilter) { runsOrError(filter: $filter) { ... on Runs { results {
            runId jobName status tags { key value } } } } }"""
        found: list[dict[str, Any]] = self.graphql(query, filter={"pipelineName": job} if job else {})["runsOrError"][
            "results"
        ]
        return found

    def _read(self, stream: Any) -> None:
        with stream:
            for line in stream:
                self._said.append(line.rstrip())

    def __enter__(self) -> RunningUp:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self.process.poll() is None and kind is None:
            self.end()
        self.process.kill()
        for process in processes_of(self.home):
            with suppress(psutil.NoSuchProcess):
                process.kill()
        self.process.wait(10)


def environment(home: Path, **settings: str) -> dict[str, str]:
    """This process's environment without any setting of the platform's but these."""
    ours = {f"CRYPTO_{name}".upper() for name in Settings.model_fields}
    kept = {name: value for name, value in os.environ.items() if name not in ours}
    return kept | {"CRYPTO_HOME": str(home)} | {f"CRYPTO_{name}": value for name, value in settings.items()}


def processes_of(home: Path) -> list[psutil.Process]:
    """Everything that runs for a home: what was started with it, and its PostgreSQL."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.status() == psutil.STATUS_ZOMBIE:
                continue
            if process.environ().get("CRYPTO_HOME") == str(home) or process.cwd().startswith(f"{home}/"):
                found.append(process)
    return found


def commands_of(home: Path) -> list[tuple[psutil.Process, str]]:
    """The same, each with its command line."""
    found = []
    for process in processes_of(home):
        with suppress(psutil.Error):
            found.append((process, " ".join(process.cmdline())))
    return found


def left_behind(home: Path) -> list[str]:
    """Processes, locks, sockets and notes that should go when `up` ends."""
    left = [command for _, command in commands_of(home)]
    notes = [
        home / name for name in ("up.lock", "up.json", "sandbox.json", "postgres/run", "postgres/data/postmaster.pid")
    ]
    return left + [str(note) for note in notes if note.exists()]


def until(true: Callable[[], T], what: str, seconds: float = 180, tell: Callable[[], object] = str) -> T:
    """Wait until something holds; what it gave."""
    deadline = time.monotonic() + seconds
    while not (result := true()):
        if time.monotonic() > deadline:
            raise AssertionError(f"Not within {seconds:.0f} s: {what}. {tell()}")
        time.sleep(0.1)
    return result
