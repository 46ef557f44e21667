"""Child processes that belong together: started in order, restarted when they die, stopped with everything below them.

Which processes those are is not known here. No Dagster.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil

_GRACE_SECONDS = 15
_RESTARTS = 5
_WINDOW_SECONDS = 60.0
_PR_SET_PDEATHSIG = 1


class SupervisorError(Exception):
    """A process cannot be kept running; the sentence names it and where its log is."""


@dataclass
class Service:
    """One process: its command, and how to tell that it is ready."""

    name: str
    command: Sequence[str]
    environment: dict[str, str]
    log: Path
    ready: Callable[[], bool] = lambda: True
    process: subprocess.Popen[bytes] | None = None
    started: list[float] = field(default_factory=list)


class Supervisor:
    """Keeps services running until told to stop; what an earlier, killed supervisor left behind is stopped first."""

    def __init__(self, record: Path, say: Callable[[str], None]) -> None:
        self._record = record
        self._say = say
        self._services: list[Service] = []

    def start(self, service: Service, timeout: float = 90.0) -> None:
        """Start a service and wait until it is ready."""
        self._services.append(service)
        self._launch(service)
        deadline = time.monotonic() + timeout
        while not service.ready():
            if service.process is None or service.process.poll() is not None:
                raise SupervisorError(f"The {service.name} stopped while it started: {self.last_words(service)}")
            if time.monotonic() > deadline:
                raise SupervisorError(f"The {service.name} was not ready within {timeout:.0f} s; see {service.log}.")
            time.sleep(0.1)

    def once(self, service: Service) -> bool:
        """Run a command to its end while tending the others; whether it succeeded."""
        self._launch(service)
        try:
            while service.process is None or service.process.poll() is None:
                self.tend()
                time.sleep(0.2)
        finally:
            self._end(service)
        return service.process.returncode == 0

    def tend(self) -> None:
        """Start again what has died; give up on what keeps dying."""
        for service in self._services:
            code = service.process.poll() if service.process else 0
            if code is None:
                continue
            now = time.monotonic()
            service.started = [moment for moment in service.started if now - moment < _WINDOW_SECONDS]
            if len(service.started) >= _RESTARTS:
                raise SupervisorError(
                    f"The {service.name} stopped {_RESTARTS} times within a minute: {self.last_words(service)}"
                )
            self._say(f"The {service.name} stopped (exit code {code}); starting it again.")
            self._end(service)
            self._launch(service)

    def stop(self) -> None:
        """End every service, the last started first, and all their children."""
        families = [(service, _family(service.process.pid)) for service in reversed(self._services) if service.process]
        for _, family in families:
            for process in family:
                with suppress(psutil.NoSuchProcess):
                    process.terminate()
        _, alive = psutil.wait_procs([p for _, family in families for p in family], timeout=_GRACE_SECONDS)
        for process in alive:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        psutil.wait_procs(alive, timeout=5)
        for service in self._services:
            if service.process:
                service.process.wait()
        self._services.clear()
        self._record.unlink(missing_ok=True)

    def end_leftovers(self) -> int:
        """Stop the processes of a supervisor that was killed; how many there were."""
        try:
            told = json.loads(self._record.read_text())
        except (OSError, ValueError):
            return 0
        leftovers: list[psutil.Process] = []
        for pid, born in told:
            with suppress(psutil.NoSuchProcess):
                if abs(psutil.Process(pid).create_time() - born) < 1:
                    leftovers += _family(pid)
        for process in leftovers:
            with suppress(psutil.NoSuchProcess):
                process.terminate()
        _, alive = psutil.wait_procs(leftovers, timeout=_GRACE_SECONDS)
        for process in alive:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        psutil.wait_procs(alive, timeout=5)
        self._record.unlink(missing_ok=True)
        return len(leftovers)

    def _launch(self, service: Service) -> None:
        service.log.parent.mkdir(parents=True, exist_ok=True)
        with service.log.open("ab") as log:
            service.process = subprocess.Popen(  # noqa: S603
                list(service.command),
                env={**os.environ, **service.environment},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=_die_with_parent if sys.platform == "linux" else None,  # noqa: PLW1509
            )
        service.started.append(time.monotonic())
        self._write_record()

    def _end(self, service: Service) -> None:
        """Whatever a dead service left running in its session would hold its port."""
        if service.process is None:
            return
        with suppress(ProcessLookupError):
            os.killpg(service.process.pid, signal.SIGKILL)

    def _write_record(self) -> None:
        born = []
        for service in self._services:
            if service.process:
                with suppress(psutil.NoSuchProcess):
                    born.append((service.process.pid, psutil.Process(service.process.pid).create_time()))
        partial = self._record.with_suffix(".part")
        partial.write_text(json.dumps(born))
        partial.replace(self._record)

    @staticmethod
    def last_words(service: Service) -> str:
        """The last line of a service's log, and where the rest is."""
        with suppress(OSError):
            lines = [line for line in service.log.read_text(errors="replace").splitlines() if line.strip()]
            if lines:
                return f"{lines[-1].strip()[:200]} (all of it in {service.log})"
        return f"see {service.log}"


def _family(pid: int) -> list[psutil.Process]:
    """A process and everything below it."""
    try:
        process = psutil.Process(pid)
        return [process, *process.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def _die_with_parent() -> None:
    """Ask the kernel to end this child when its parent dies, even by SIGKILL."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
