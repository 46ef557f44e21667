"""The schema's history: numbered SQL files, each applied once by the writer role in a transaction of its own."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg.rows import TupleRow

from crypto_platform.shipped import shipped_path
from crypto_platform.warehouse.connections import Connection, Warehouse
from crypto_platform.warehouse.errors import WarehouseError, first_line

_FILE = re.compile(r"^(\d{4})_([a-z0-9_]+)\.sql$")
_ALONE = "select pg_advisory_xact_lock(hashtextextended('crypto-platform migrations', 0))"
_UNMET = """
    select exists (
        select from pg_roles
        where rolname = 'crypto_reader' and not has_schema_privilege(oid, 'ops', 'usage')
    )
"""
_BOOK = """
    create schema if not exists ops;
    create table if not exists ops.migrations (
        number integer primary key,
        name text not null,
        sha256 text not null,
        applied_at timestamptz not null default now()
    )
"""


@dataclass(frozen=True)
class Migration:
    number: int
    name: str
    statements: str

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.statements.encode()).hexdigest()


def shipped_migrations(folder: Path | None = None) -> list[Migration]:
    """The numbered files, in order; other files of the folder are no migrations."""
    found = [
        Migration(int(match[1]), match[2], path.read_text("utf-8"))
        for path in sorted((folder or shipped_path("sql/warehouse")).iterdir())
        if (match := _FILE.match(path.name))
    ]
    if [each.number for each in found] != list(range(1, len(found) + 1)):
        raise WarehouseError("The migrations in sql/warehouse are not numbered 0001, 0002 and so on without a gap.")
    return found


def migrate(warehouse: Warehouse, folder: Path | None = None) -> list[str]:
    """Bring the schema up to date; the names applied now. Any number of processes may call it at once."""
    shipped = shipped_migrations(folder)
    applied = []
    with warehouse.connect(application="crypto-platform migrate") as connection:
        while (done := _apply_next(connection, shipped)) is not None:
            applied.append(f"{done.number:04d}_{done.name}")
        _grant_reading(connection)
    return applied


def _apply_next(connection: Connection, shipped: list[Migration]) -> Migration | None:
    with connection.transaction():
        connection.execute(_ALONE)
        if connection.execute("select to_regclass('ops.migrations')").fetchone() == (None,):
            connection.execute(_BOOK)
        records = connection.execute("select number, name, sha256 from ops.migrations order by number").fetchall()
        _compare(shipped, records)
        if len(records) == len(shipped):
            return None
        following = shipped[len(records)]
        try:
            connection.execute(following.statements.encode())
        except psycopg.Error as error:
            raise WarehouseError(
                f"The migration {following.number:04d}_{following.name} failed and was taken back: {first_line(error)}."
            ) from error
        connection.execute(
            "insert into ops.migrations (number, name, sha256) values (%s, %s, %s)",
            (following.number, following.name, following.sha256),
        )
        return following


def _compare(shipped: list[Migration], records: list[TupleRow]) -> None:
    if len(records) > len(shipped):
        raise WarehouseError(
            f"The warehouse is at migration {len(records)} and this version knows {len(shipped)}; "
            "update crypto-platform before using this warehouse."
        )
    for migration, (number, name, sha256) in zip(shipped, records, strict=False):
        if (migration.number, migration.sha256) != (number, sha256):
            raise WarehouseError(
                f"The migration {number:04d}_{name} was changed after it was applied here; "
                "restore the file and put the change into a new migration."
            )


def _grant_reading(connection: Connection) -> None:
    """Let the reader read, as soon as there is such a role: on a foreign server it may come later than the schema."""
    with connection.transaction():
        connection.execute(_ALONE)
        if connection.execute(_UNMET).fetchone() == (True,):
            connection.execute(shipped_path("sql/warehouse/reading.sql").read_bytes())
