"""The embedded PostgreSQL as processes share it: whoever comes first starts it, the last one to leave stops it.

Every user holds a shared flock for as long as it lives, so the kernel keeps the count and a killed user is uncounted.
"""

from __future__ import annotations

import atexit
import fcntl
import os
import time
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import RLock
from types import TracebackType
from urllib.parse import quote

import psycopg
from psycopg import sql
from psycopg.rows import TupleRow

from crypto_platform.shipped import shipped_path
from crypto_platform.warehouse.cluster import Cluster
from crypto_platform.warehouse.errors import WarehouseError, WarehouseUnavailableError, first_line

DATABASE, DAGSTER_DATABASE = "crypto", "dagster"
WRITER, READER = "crypto_writer", "crypto_reader"
_SETTLE_SECONDS = 60

_COMPLETE = """
    select coalesce(bool_and(
        has_database_privilege(reader.oid, crypto.oid, 'connect')
        and not has_database_privilege(reader.oid, dagster.oid, 'connect')
    ), false)
    from pg_roles as reader, pg_database as crypto, pg_database as dagster, pg_roles as writer
    where reader.rolname = %s and crypto.datname = %s and dagster.datname = %s and writer.rolname = %s
    having count(*) = 1
"""


class EmbeddedServer:
    """The server of one home. `acquire` and `release`, or `with`; any number of processes and threads."""

    def __init__(self, home: Path) -> None:
        self.home = home.expanduser().resolve()
        self._guard = RLock()
        self._holds = 0
        self._users: int | None = None
        self._lock: int | None = None
        self._cluster: Cluster | None = None
        _instances.add(self)

    def acquire(self) -> None:
        """Count this user in; returns once the server takes connections and has its roles and databases."""
        with self._guard:
            if self._holds == 0:
                self._enter()
            self._holds += 1

    def release(self) -> None:
        """Count this user out; the last one stops the server."""
        with self._guard:
            if self._holds == 0:
                return
            self._holds -= 1
            if self._holds == 0:
                self._leave()

    def revive(self) -> None:
        """Start a server again that died while it was in use; its users' connections are gone, their holds are not."""
        with self._guard, self._alone():
            if not _answers(self._held):
                self._held.start()

    def __enter__(self) -> EmbeddedServer:
        self.acquire()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.release()

    @property
    def writer_url(self) -> str:
        return self._url("postgresql", WRITER, DATABASE)

    @property
    def reader_url(self) -> str:
        return self._url("postgresql", READER, DATABASE)

    @property
    def dagster_url(self) -> str:
        return self._url("postgresql+psycopg2", WRITER, DAGSTER_DATABASE)

    @property
    def pid(self) -> int | None:
        """The postmaster's process id while it runs."""
        process = self._held.process()
        return process.pid if process else None

    def _url(self, scheme: str, user: str, database: str) -> str:
        cluster = self._held
        return f"{scheme}://{user}@/{database}?host={quote(str(cluster.socket_dir), safe='')}&port={cluster.port}"

    @property
    def _held(self) -> Cluster:
        if self._cluster is None:
            raise WarehouseError("The embedded PostgreSQL is not open here; acquire it first.")
        return self._cluster

    def _enter(self) -> None:
        cluster = self._prepare()
        with self._alone():
            users = os.open(cluster.folder / "users", os.O_RDWR | os.O_CREAT, 0o600)
            try:
                fcntl.flock(users, fcntl.LOCK_SH)
                if not _answers(cluster):
                    cluster.start()
                _complete(cluster)
            except BaseException:
                os.close(users)
                raise
            self._users, self._cluster = users, cluster
        atexit.register(self._leave)

    def _leave(self) -> None:
        atexit.unregister(self._leave)
        users, cluster = self._users, self._cluster
        if users is None or cluster is None:
            return
        with self._alone():
            try:
                fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
                cluster.stop()
            except BlockingIOError:
                pass  # others are still using it
            finally:
                fcntl.flock(users, fcntl.LOCK_UN)
                os.close(users)
                self._users = self._cluster = None

    def _prepare(self) -> Cluster:
        try:
            folder, logs = self.home / "postgres", self.home / "logs"
            for needed in (self.home, folder, logs):
                needed.mkdir(parents=True, exist_ok=True)
            if not os.access(folder, os.W_OK | os.X_OK):
                raise PermissionError(13, "Permission denied", str(folder))
        except OSError as error:
            raise WarehouseError(
                f"The home {self.home} cannot be written to ({error.strerror}); choose another with CRYPTO_HOME."
            ) from error
        return Cluster(folder, logs / "postgres.log")

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Only one process of a home starts or stops its server at a time."""
        self._lock = os.open(self.home / "postgres" / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            self._await(self._lock)
            yield
        except OSError as error:
            raise WarehouseError(f"The embedded PostgreSQL in {self.home} failed: {error}.") from error
        finally:
            os.close(self._lock)
            self._lock = None

    def _await(self, lock: int) -> None:
        """Take the lock once it is free; whoever holds it is done in moments, or will never be."""
        deadline = time.monotonic() + _SETTLE_SECONDS
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise WarehouseUnavailableError(
                        f"Another process has been starting or stopping the PostgreSQL in {self.home} "
                        f"for {_SETTLE_SECONDS} s; end it and try again."
                    ) from None
                time.sleep(0.02)
            else:
                return

    def _forget(self) -> None:
        """In a forked child: its parent's use is not its own, and the lock must not outlive the parent."""
        for descriptor in (self._users, self._lock):
            if descriptor is not None:
                os.close(descriptor)
        self._guard = RLock()
        self._holds, self._users, self._lock, self._cluster = 0, None, None, None


_instances: weakref.WeakSet[EmbeddedServer] = weakref.WeakSet()


def _forget_all() -> None:
    for server in list(_instances):
        server._forget()


os.register_at_fork(after_in_child=_forget_all)


def _answers(cluster: Cluster) -> bool:
    """Whether a server is there to be adopted; one that is just starting, recovering or stopping is waited for."""
    deadline = time.monotonic() + _SETTLE_SECONDS
    while (cluster.data / "postmaster.pid").exists():  # without it, an answer comes from a deleted directory's server
        try:
            _admin(cluster).close()
        except psycopg.OperationalError as error:
            if cluster.process() is None:
                return False
            if time.monotonic() > deadline:
                raise WarehouseUnavailableError(
                    f"The embedded PostgreSQL runs but does not answer ({first_line(error)})."
                ) from error
            time.sleep(0.02)
        else:
            return True
    return False


def _admin(cluster: Cluster) -> psycopg.Connection[TupleRow]:
    return psycopg.connect(
        host=str(cluster.socket_dir),
        port=cluster.port,
        user="postgres",
        dbname="postgres",
        connect_timeout=10,
        autocommit=True,
    )


def _complete(cluster: Cluster) -> None:
    """Make the roles and databases that are missing: all of them at first, the rest after a kill in between."""
    with _admin(cluster) as connection:
        row = connection.execute(_COMPLETE, (READER, DATABASE, DAGSTER_DATABASE, WRITER)).fetchone()
        if row and row[0]:
            return
        connection.execute(shipped_path("sql/warehouse/roles.sql").read_bytes())
        for name in (DATABASE, DAGSTER_DATABASE):
            database = sql.Identifier(name)
            if connection.execute("select from pg_database where datname = %s", (name,)).fetchone() is None:
                connection.execute(sql.SQL("create database {} owner {}").format(database, sql.Identifier(WRITER)))
            connection.execute(sql.SQL("revoke all on database {} from public").format(database))
        connection.execute(
            sql.SQL("grant connect on database {} to {}").format(sql.Identifier(DATABASE), sql.Identifier(READER))
        )
