"""The book of batches: who was asked what, when, and how it ended. The lake holds all of it; the warehouse shows it.

A landed batch tells of itself in its raw objects, a failed one in a small object under `failures/`. A row of
`ops.batches` follows, and can be made again from those.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import msgspec

from crypto_platform.identity import CURATED
from crypto_platform.lake.drop import files_known
from crypto_platform.lake.history import months_of
from crypto_platform.lake.landed import KINDS, Kind, Landed, read_about
from crypto_platform.run_process import lives, this_process
from crypto_platform.sources.csv import Csv
from crypto_platform.tables import RAW_HISTORY, Partition, Table
from crypto_platform.warehouse.batches import Batch

if TYPE_CHECKING:
    from crypto_platform.lake import Lake
    from crypto_platform.warehouse import Warehouse


_LOOKED_AT = 50
"""How many of the newest batches are looked through for one to go on with."""


class _Failure(msgspec.Struct):
    """What a batch that was not completed leaves in the lake."""

    kind: str
    started_at: datetime
    finished_at: datetime
    seconds: float
    tries: int
    pages: int
    error: str
    first_day: date | None = None
    last_day: date | None = None


@dataclass(frozen=True)
class Question:
    """What a batch asks: it is what tells whether an unfinished one may be gone on with."""

    source: str
    kind: Kind
    first_day: date
    last_day: date
    digest: str
    """Eight hexadecimal digits over all that is asked; a batch's id ends in them."""


class Ledger:
    """Writes down every batch as it begins and as it ends."""

    def __init__(self, lake: Lake, warehouse: Warehouse, clock: Callable[[], datetime]) -> None:
        self._lake = lake
        self._warehouse = warehouse
        self._clock = clock

    def to_resume(self, question: Question, within: timedelta) -> str | None:
        """The unfinished batch that asked the same not long ago, unless somebody is still at it."""
        from crypto_platform.warehouse.batches import batches

        self.end_gone()
        with self._warehouse.connect() as connection:
            known = batches(connection, question.source, question.kind, _LOOKED_AT)
        for batch in known:
            if batch.batch_id.endswith(question.digest):
                young = self._clock() - batch.started_at <= within
                return batch.batch_id if batch.status == "failure" and young and self._claim(batch) else None
        return None

    def _claim(self, batch: Batch) -> bool:
        """Whether it is this process that goes on with a failed batch; of two that want to, one does."""
        with self._warehouse.connect() as connection:
            claimed = connection.execute(
                "update ops.batches set status = 'running', process = %s, tries = tries + 1"
                " where source = %s and batch_id = %s and status = 'failure'",
                (this_process(), batch.source, batch.batch_id),
            )
        return claimed.rowcount == 1

    def end_gone(self) -> None:
        """Write down how it ended what was begun by a process that is gone: mostly as failed."""
        from crypto_platform.warehouse.batches import end_gone

        with self._warehouse.connect() as connection:
            gone = end_gone(connection, lives, self._clock())
        for batch in gone:
            if landed := self._landed_whole(batch):
                self._save(self._of(batch.source, batch.kind, landed))
                continue
            failure = self._note_failure(batch, batch.error or "", batch.seconds or 0.0, batch.tries)
            with self._warehouse.connect() as connection:
                connection.execute(
                    "update ops.batches set seconds = %s, pages = %s"
                    " where source = %s and batch_id = %s and status = 'failure'",
                    (failure.seconds, failure.pages, batch.source, batch.batch_id),
                )

    def _landed_whole(self, batch: Batch) -> Landed | None:
        """The batch, if all its raw objects are there: then only the word that it succeeded is missing."""
        table = KINDS.get(batch.kind)
        if table is None or batch.first_day is None or batch.last_day is None:
            return None
        if not self._is_whole(table, batch.source, batch.batch_id, batch.first_day, batch.last_day):
            return None
        objects = self._lake.slice(table, batch.source).objects
        about, rows = read_about(self._lake, [key for key in objects if self._lake.batch_of(key) == batch.batch_id])
        return Landed(batch.source, about, (), rows)

    def _is_whole(self, table: Table, source: str, batch_id: str, first: date | None, last: date | None) -> bool:
        """Whether all raw objects that a batch was to have are there."""
        if first is None or last is None:
            return True
        asked = months_of(first, last) if table is RAW_HISTORY else [first.isoformat()]
        keys = (self._lake.raw_key(table, source, Partition(key), batch_id) for key in asked)
        return all(map(self._lake.store.exists, keys))

    def keep(self, question: Question, batch_id: str, land: Callable[[], Landed]) -> Landed:
        """Land a batch, with its row in the book before and after."""
        ticks = time.perf_counter()
        before = self._failure(_failure_key(question.source, batch_id))
        batch = Batch(
            source=question.source,
            batch_id=batch_id,
            kind=question.kind,
            status="running",
            # A batch that goes on is as old as its first try; what it kept then is no younger.
            started_at=before.started_at if before else self._clock(),
            first_day=question.first_day,
            last_day=question.last_day,
            process=this_process(),
        )
        self._save(batch)
        try:
            landed = land()
        except BaseException as error:
            self._fail(batch, str(error) or type(error).__name__, time.perf_counter() - ticks)
            raise
        self._save(replace(self._of(landed.source, landed.about.kind, landed), asked=landed.asked))
        return landed

    def _save(self, batch: Batch) -> None:
        from crypto_platform.warehouse.batches import save

        with self._warehouse.connect() as connection:
            save(connection, batch)

    def _fail(self, batch: Batch, error: str, seconds: float) -> None:
        before = self._failure(_failure_key(batch.source, batch.batch_id))
        tries = before.tries + 1 if before else 1
        self._save(_of_failure(batch.source, batch.batch_id, self._note_failure(batch, error, seconds, tries)))

    def _note_failure(self, batch: Batch, error: str, seconds: float, tries: int) -> _Failure:
        key = _failure_key(batch.source, batch.batch_id)
        failure = _Failure(
            kind=batch.kind,
            started_at=batch.started_at,
            finished_at=batch.finished_at or self._clock(),
            seconds=round(seconds, 3),
            tries=tries,
            pages=self._pages_kept(batch),
            error=error,
            first_day=batch.first_day,
            last_day=batch.last_day,
        )
        with self._lake.scratch() as folder:
            file = folder / "failure.json"
            file.write_bytes(msgspec.json.encode(failure))
            self._lake.store.replace(key, file)
        return failure

    def _pages_kept(self, batch: Batch) -> int:
        days = {batch.started_at.date(), batch.started_at.date() - timedelta(days=1)}
        return max(len(self._lake.answers(batch.source, day.isoformat(), batch.batch_id).pages()) for day in days)

    def _failure(self, key: str) -> _Failure | None:
        if not self._lake.store.exists(key):
            return None
        return msgspec.json.decode(self._lake.store.read(key), type=_Failure)

    def rebuild(self) -> None:
        """Write the book again from the lake."""
        from crypto_platform.warehouse.batches import replace_all

        def held() -> Iterator[Batch]:
            found = {(batch.source, batch.batch_id): batch for batch in self._failed()}
            found |= {(batch.source, batch.batch_id): batch for batch in self._landed()}
            yield from found.values()

        with self._warehouse.connect() as connection:
            replace_all(connection, held())

    def _failed(self) -> Iterator[Batch]:
        for key in self._lake.store.keys("failures"):
            failure = self._failure(key)
            source, name = key.split("/")[1:]
            if failure is not None:
                yield _of_failure(source.removeprefix("source="), name.removesuffix(".json"), failure)

    def _landed(self) -> Iterator[Batch]:
        for kind, table in KINDS.items():
            for source in self._lake.sources(table):
                if source in (Csv.name, CURATED):
                    continue
                batches: dict[str, list[str]] = {}
                for key in self._lake.slice(table, source).objects:
                    batches.setdefault(key.rsplit("/", 1)[-1].removesuffix(".parquet"), []).append(key)
                for keys in batches.values():
                    about, rows = read_about(self._lake, keys)
                    if self._is_whole(table, source, about.batch_id, about.first_day, about.last_day):
                        yield self._of(source, kind, Landed(source, about, (), rows))
        yield from map(of_file, files_known(self._lake))

    def _of(self, source: str, kind: Kind, landed: Landed) -> Batch:
        """A landed batch, by what its raw objects tell."""
        about = landed.about
        started = about.started_at or about.finished_at
        finished = about.finished_at or about.started_at
        if started is None or finished is None:
            raise ValueError(f"The batch {about.batch_id} of {source} landed without an answer.")
        before = self._failure(_failure_key(source, about.batch_id))
        return Batch(
            source=source,
            batch_id=about.batch_id,
            kind=kind,
            status="success",
            started_at=started,
            finished_at=finished,
            seconds=(finished - started).total_seconds(),
            first_day=about.first_day,
            last_day=about.last_day,
            pages=about.pages,
            rows=landed.rows,
            tries=before.tries + 1 if before else 1,
        )

    def note_files(self) -> None:
        """Write down the files that were read; a quarantined one as a failure, until it is read after all."""
        from crypto_platform.warehouse.batches import save

        known = [of_file(row) for row in files_known(self._lake)]
        with self._warehouse.connect() as connection, connection.transaction():
            for batch in known:
                save(connection, batch)
            connection.execute(
                "delete from ops.batches where source = %s and not batch_id = any(%s)",
                (Csv.name, [batch.batch_id for batch in known]),
            )


def of_file(row: dict[str, Any]) -> Batch:
    """The batch of a dropped file."""
    read = row["status"] == "read"
    return Batch(
        source=Csv.name,
        batch_id=str(row["batch_id"]),
        kind="files",
        status="success" if read else "failure",
        started_at=row["read_at"],
        finished_at=row["read_at"],
        seconds=0.0,
        first_day=row["first_day"],
        last_day=row["last_day"],
        pages=1,
        rows=int(str(row["landed"])),
        error=None if read else str(row["reason"]),
    )


def _of_failure(source: str, batch_id: str, failure: _Failure) -> Batch:
    return Batch(
        source=source,
        batch_id=batch_id,
        kind=failure.kind,  # type: ignore[arg-type]
        status="failure",
        started_at=failure.started_at,
        finished_at=failure.finished_at,
        seconds=failure.seconds,
        first_day=failure.first_day,
        last_day=failure.last_day,
        pages=failure.pages,
        tries=failure.tries,
        error=failure.error,
    )


def _failure_key(source: str, batch_id: str) -> str:
    return f"failures/source={source}/{batch_id}.json"
