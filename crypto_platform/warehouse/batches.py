"""The platform's ledger: how each batch went, and how it goes while it runs. What it landed is in the lake.

Once a batch has ended, its row can be made again from what the lake holds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, fields
from datetime import date, datetime
from typing import TYPE_CHECKING, Literal

from psycopg import sql
from psycopg.rows import class_row

from crypto_platform import run_process
from crypto_platform.warehouse.connections import Connection

if TYPE_CHECKING:
    from crypto_platform.lake.landed import Kind

Status = Literal["running", "success", "failure"]

GONE = "Its process ended without a word."


@dataclass(frozen=True)
class Batch:
    """One batch of a source. While it runs, its numbers are those so far."""

    source: str
    batch_id: str
    kind: Kind
    status: Status
    started_at: datetime
    finished_at: datetime | None = None
    seconds: float | None = None
    first_day: date | None = None
    last_day: date | None = None
    pages: int = 0
    asked: int = 0
    """Requests made in the last try; the other pages had been kept before."""
    rows: int = 0
    tries: int = 1
    error: str | None = None
    process: str | None = None
    """As `run_process.this_process` tells it."""


@dataclass(frozen=True)
class Checkpoint:
    """Where a source stands with one kind of batch: its last batch, and how all of them went."""

    source: str
    kind: Kind
    status: Status
    batch_id: str
    started_at: datetime
    finished_at: datetime | None
    seconds: float | None
    pages: int
    records_processed: int
    last_success_at: datetime | None
    last_failure_at: datetime | None
    last_error: str | None
    """What ended the last batch; None where it went well or runs."""
    batches: int
    failures: int


def _listed(names: Iterable[str], template: str = "{0}") -> sql.Composed:
    return sql.SQL(", ").join(sql.SQL(template).format(sql.Identifier(name)) for name in names)


_NAMES = [field.name for field in fields(Batch)]
_COLUMNS = _listed(_NAMES)
_SELECT = sql.SQL("select {} from ops.batches ").format(_COLUMNS)
_SAVE = sql.SQL(
    """
    insert into ops.batches as stored ({columns})
    values ({values})
    on conflict (source, batch_id) do update set
        {assignments},
        tries = greatest(
            excluded.tries,
            stored.tries + case
                when excluded.status = 'running' and (
                    stored.status <> 'running'
                    or stored.started_at <> excluded.started_at
                    or stored.process is distinct from excluded.process
                ) then 1
                else 0
            end
        )
    returning {returned}
    """
).format(
    columns=_COLUMNS,
    values=sql.SQL(", ").join(map(sql.Placeholder, _NAMES)),
    assignments=_listed([name for name in _NAMES if name not in {"source", "batch_id", "tries"}], "{0} = excluded.{0}"),
    returned=_listed(_NAMES, "stored.{0}"),
)


def save(connection: Connection, batch: Batch) -> Batch:
    """Write a batch down as it is now, and give it as it was written.

    The tries of a batch that is known are counted here, unless the batch knows of more: one that runs again after it
    ended, in another process or from another start on has begun again.
    """
    with connection.cursor(row_factory=class_row(Batch)) as cursor:
        return cursor.execute(_SAVE, _values(batch)).fetchall()[0]


def batches(
    connection: Connection, source: str | None = None, kind: Kind | None = None, limit: int | None = None
) -> list[Batch]:
    """The batches there are, the newest first."""
    with connection.cursor(row_factory=class_row(Batch)) as cursor:
        return cursor.execute(
            _SELECT
            + sql.SQL(
                """
                where (%(source)s::text is null or source = %(source)s) and (%(kind)s::text is null or kind = %(kind)s)
                order by started_at desc, source, batch_id desc
                limit %(limit)s
                """
            ),
            {"source": source, "kind": kind, "limit": limit},
        ).fetchall()


def end_gone(connection: Connection, lives: Callable[[str], bool], now: datetime) -> list[Batch]:
    """End the running batches whose process is gone, or that never told of one; those that were ended."""
    gone = [batch for batch in _running(connection) if not _lives(batch, lives)]
    ended = []
    with connection.cursor(row_factory=class_row(Batch)) as cursor:
        for batch in gone:
            ended += cursor.execute(
                sql.SQL(
                    """
                    update ops.batches
                    set status = 'failure', finished_at = %(now)s, error = %(error)s
                    where
                        source = %(source)s
                        and batch_id = %(batch_id)s
                        and status = 'running'
                        and process is not distinct from %(process)s
                    returning {}
                    """
                ).format(_COLUMNS),
                _values(batch) | {"now": now, "error": GONE},
            ).fetchall()
    return ended


def checkpoints(connection: Connection) -> list[Checkpoint]:
    """Where every source stands with each kind of batch."""
    with connection.cursor(row_factory=class_row(Checkpoint)) as cursor:
        return cursor.execute(
            sql.SQL("select {} from public.checkpoints order by source, kind").format(
                _listed(field.name for field in fields(Checkpoint))
            )
        ).fetchall()


def replace_all(
    connection: Connection, batches: Iterable[Batch], lives: Callable[[str], bool] = run_process.lives
) -> None:
    """Make the ledger equal these batches; one that a living process runs stays as it is.

    They are read once nobody else can write to the ledger: what ends in the meantime is written after this.
    """
    with connection.transaction():
        connection.execute("lock table ops.batches in share row exclusive mode")
        kept = {(batch.source, batch.batch_id) for batch in _running(connection) if _lives(batch, lives)}
        connection.execute(
            """
            delete from ops.batches
            where not (source, batch_id) in (select * from unnest(%s::text[], %s::text[]))
            """,
            ([source for source, _ in kept], [batch_id for _, batch_id in kept]),
        )
        copy_in = sql.SQL("copy ops.batches ({}) from stdin").format(_COLUMNS)
        with connection.cursor() as cursor, cursor.copy(copy_in) as copy:
            for batch in batches:
                if (batch.source, batch.batch_id) not in kept:
                    copy.write_row(tuple(_values(batch).values()))


def _running(connection: Connection) -> list[Batch]:
    with connection.cursor(row_factory=class_row(Batch)) as cursor:
        return cursor.execute(_SELECT + sql.SQL("where status = 'running' order by started_at")).fetchall()


def _lives(batch: Batch, lives: Callable[[str], bool]) -> bool:
    return batch.process is not None and lives(batch.process)


def _values(batch: Batch) -> dict[str, object]:
    """By column; U+FFFD stands for the U+0000 that a vendor's words may hold and PostgreSQL's text may not."""
    return asdict(batch) | {"error": batch.error and batch.error.replace("\0", "\ufffd")}
