"""Child processes that belong together: started at once, restarted when they die, stopped with everything below them.

Which processes those are is not known here. No Dagster.
"""

from __future__ import annotations

import ctypes
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import psutil

_GRACE_SECONDS = 8.0
_RESTARTS = 5
_WINDOW_SECONDS = 60.0
_POLL_SECONDS = 0.1
_LOG_BYTES = 10_000_000
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")
_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None  # loaded here: after a fork only the call is safe


class SupervisorError(Exception):
    """A process cannot be kept running; the sentence names it and where its log is."""


class StopAskedError(Exception):
    """Somebody asked for an end, and this is a good moment."""


class Kept(Protocol):
    """Something that is to run for as long as the supervisor does."""

    name: str

    def launch(self) -> None:
        """Start it, or start it again after whatever is left of it is gone."""

    def is_ready(self) -> bool: ...

    def fate(self) -> str | None:
        """What became of it; None while it lives."""

    def last_words(self) -> str: ...


@dataclass
class Service:
    """One child process: its command, and how to tell that it is ready, or lives and is no use any more."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    log: Path
    ready: Callable[[], bool] = lambda: True
    useless: Callable[[int], str | None] = lambda _pid: None
    process: subprocess.Popen[bytes] | None = None
    launched: float = 0.0
    """When it was last started, as time.time() has it."""

    def launch(self) -> None:
        self.end()
        self.launched = time.time()
        self.log.parent.mkdir(parents=True, exist_ok=True)
        if self.log.exists() and self.log.stat().st_size > _LOG_BYTES:
            self.log.replace(self.log.with_suffix(".log.1"))
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(  # noqa: S603
                list(self.command),
                env={**os.environ, **self.environment},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=die_with_parent,  # noqa: PLW1509
            )

    def is_ready(self) -> bool:
        return self.ready()

    def fate(self) -> str | None:
        if self.process is None:
            return "it never started"
        code = self.process.poll()
        if code is None:
            return self.useless(self.process.pid)
        return f"exit code {code}" if code >= 0 else signal.Signals(-code).name

    def end(self) -> None:
        """Whatever a dead process left running in its session would hold its port."""
        if self.process is not None:
            _kill(_session(self.process.pid))
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(5)

    def last_words(self) -> str:
        """The last line of the log, and where the rest is."""
        with suppress(OSError):
            text = _COLOURS.sub("", self.log.read_text(errors="replace"))
            if lines := [line for line in text.splitlines() if line.strip()]:
                return f"{lines[-1].strip()[:200]} (all of it in {self.log})"
        return f"see {self.log}"


@dataclass
class _Watch:
    """What the supervisor knows about one thing it keeps."""

    kept: Kept
    started: list[float] = field(default_factory=list)
    was_ready: bool = False


class Supervisor:
    """Keeps things running until told to stop; what an earlier, killed supervisor left behind is stopped first."""

    def __init__(self, record: Path, say: Callable[[str], None], stop_asked: Callable[[], bool]) -> None:
        self._record = record
        self._say = say
        self._stop_asked = stop_asked
        self._watches: list[_Watch] = []

    def keep(self, *several: Kept, running: bool = False) -> None:
        """Start some things, all at once, unless they already run; from now on they are tended."""
        for kept in several:
            watch = _Watch(kept, was_ready=running)
            self._watches.append(watch)
            if not running:
                self._launch(watch)

    def await_ready(self, *chosen: Kept, timeout: float = 120.0) -> None:
        """Wait until the chosen, or all, are ready, saying so of each."""
        deadline = time.monotonic() + timeout
        while any(not watch.was_ready for watch in self._watches if not chosen or watch.kept in chosen):
            for watch in (watch for watch in self._watches if not watch.was_ready):
                name = watch.kept.name
                if fate := watch.kept.fate():
                    raise SupervisorError(f"The {name} stopped while it started ({fate}): {watch.kept.last_words()}")
                if watch.kept.is_ready():
                    watch.was_ready = True
                    self._say(f"The {name} is ready ({time.monotonic() - watch.started[-1]:.1f} s).")
                elif time.monotonic() > deadline:
                    raise SupervisorError(f"The {name} was not ready in {timeout:.0f} s: {watch.kept.last_words()}")
            self.pause()

    def tend(self) -> None:
        """Start again what has died; give up on what keeps dying."""
        for watch in self._watches:
            name, fate = watch.kept.name, watch.kept.fate()
            if fate is None:
                if not watch.was_ready and watch.kept.is_ready():
                    watch.was_ready = True
                    self._say(f"The {name} is back.")
                continue
            now = time.monotonic()
            watch.started = [moment for moment in watch.started if now - moment < _WINDOW_SECONDS]
            if len(watch.started) >= _RESTARTS:
                raise SupervisorError(
                    f"The {name} stopped {_RESTARTS} times within a minute: {watch.kept.last_words()}"
                )
            self._say(f"The {name} stopped ({fate}); starting it again …")
            watch.was_ready = False
            self._launch(watch)

    def pause(self) -> None:
        """A short wait, and the one place where a wish to stop is heard."""
        if self._stop_asked():
            raise StopAskedError
        time.sleep(_POLL_SECONDS)

    def stop(self) -> None:
        """End every process and all that is in their sessions."""
        services = [watch.kept for watch in self._watches if isinstance(watch.kept, Service)]
        pids = [service.process.pid for service in services if service.process]
        _end([process for pid in pids for process in _session(pid)])
        for service in services:
            service.end()
        self._watches.clear()
        self._record.unlink(missing_ok=True)

    def end_leftovers(self) -> int:
        """Stop the processes of a supervisor that was killed; how many there were."""
        try:
            told = json.loads(self._record.read_text())
        except (OSError, ValueError):
            return 0
        leftovers = [process for pid, born in told for process in _session(pid, born)]
        _end(leftovers)
        self._record.unlink(missing_ok=True)
        return len(leftovers)

    def _launch(self, watch: _Watch) -> None:
        watch.started.append(time.monotonic())
        watch.kept.launch()
        self._write_record()

    def _write_record(self) -> None:
        born = []
        for watch in self._watches:
            if isinstance(watch.kept, Service) and watch.kept.process:
                with suppress(psutil.NoSuchProcess):
                    pid = watch.kept.process.pid
                    born.append((pid, psutil.Process(pid).create_time()))
        partial = self._record.with_suffix(".part")
        partial.write_text(json.dumps(born))
        partial.replace(self._record)


def _session(leader: int, born: float | None = None) -> list[psutil.Process]:
    """Every process of the session that a service leads, even when its leader is dead.

    With `born`, when the leader was started, a later session by the same number does not count.
    """
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            if os.getsid(process.pid) != leader or process.status() == psutil.STATUS_ZOMBIE:
                continue
            if born is not None and process.pid == leader and abs(process.create_time() - born) > 1:
                return []
            found.append(process)
    return found


def _end(processes: Sequence[psutil.Process]) -> None:
    """Ask first, then kill."""
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.terminate()
    _, alive = psutil.wait_procs(processes, timeout=_GRACE_SECONDS)
    _kill(alive)


def _kill(processes: Sequence[psutil.Process]) -> None:
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(processes, timeout=5)


def die_with_parent() -> None:
    """Ask the kernel to end this child when its parent dies, even by SIGKILL."""
    if _LIBC is not None:
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
