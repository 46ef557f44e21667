"""The lake's face: where a table's objects lie, what is in them, and how new ones take their place."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import pyarrow as pa
import pyarrow.parquet as pq

from crypto_platform.lake.answers import AnswerLog
from crypto_platform.lake.parquet import Candidate, write_partitions
from crypto_platform.lake.slices import LakeSlice
from crypto_platform.lake.store import LakeError, LocalStore
from crypto_platform.tables import WHOLE, Grain, Partition, Table

_MARKER = "_world"
_ROWS_AT_ONCE = 16_384


@dataclass(frozen=True)
class Promotion:
    """What became of one partition's candidate."""

    partition: Partition
    key: str
    rows: int
    sha256: str
    bytes: int
    changed: bool


@dataclass(frozen=True)
class Rejection:
    """A candidate that may not take its partition's place, and what it breaks."""

    partition: Partition
    reasons: tuple[str, ...]


Audit = Callable[[Sequence[Candidate]], dict[str, tuple[str, ...]]]
"""Judges candidates together: for each partition that breaks an error rule, what it breaks."""


class Lake:
    """A local folder of plain Hive-partitioned Parquet that any engine reads with no help from here."""

    def __init__(self, root: Path, scratch: Path) -> None:
        self.store = LocalStore(root)
        self._scratch = scratch

    def open(self, world: str) -> None:
        """Mark a new lake as this world's, or refuse one of the other world."""
        try:
            self.store.put_if_absent(_MARKER, world.encode())
            held = self.store.read(_MARKER).decode()
        except OSError as error:
            raise LakeError(
                f"The lake {self.store.root} cannot be written ({error.strerror}); "
                "make room or rights there, or set CRYPTO_LAKE to another folder."
            ) from error
        if held != world:
            raise LakeError(
                f"The lake {self.store.root} holds {held} data and was opened as {world}; "
                f"set CRYPTO_UPSTREAM={held}, or CRYPTO_HOME to another folder."
            )
        self._sweep()

    def _sweep(self) -> None:
        """Remove the scratch of processes that were killed."""
        for folder in self._scratch.glob("[0-9]*-*"):
            try:
                os.kill(int(folder.name.split("-")[0]), 0)
            except ProcessLookupError:
                shutil.rmtree(folder, ignore_errors=True)
            except PermissionError:
                continue  # somebody else's process, and alive

    # What is there

    def partitions(self, table: Table, source: str | None = None) -> list[Partition]:
        """The partitions that have an object, oldest first."""
        folder = self._folder(table, source)
        if table.grain.value == "all":
            return [WHOLE] if self.store.exists(f"{folder}/data.parquet") else []
        prefix = f"{table.grain.value}="
        found = (Partition(n.removeprefix(prefix)) for n in self.store.folders(folder) if n.startswith(prefix))
        return [partition for partition in found if self._objects(table, source, partition)]

    def sources(self, table: Table) -> list[str]:
        return [name.removeprefix("source=") for name in self.store.folders(table.name) if name.startswith("source=")]

    def slice(
        self, table: Table, source: str | None = None, partitions: Collection[Partition] | None = None
    ) -> LakeSlice:
        """The objects of these partitions (all, if none are named) as they stand now."""
        if partitions is None:
            partitions = self.partitions(table, source)
        objects = [key for partition in sorted(partitions) for key in self._objects(table, source, partition)]
        return LakeSlice(
            table, (source,), tuple(sorted(partitions)), tuple(objects), tuple(self.store.uri(key) for key in objects)
        )

    def again(self, old: LakeSlice) -> LakeSlice:
        """The same slice as it stands now."""
        now = LakeSlice(old.table, (), (), (), ())
        for source in old.sources:
            now += self.slice(old.table, source, old.partitions)
        return now

    def whole(self, table: Table) -> LakeSlice:
        """All that the lake holds of a table, of every source."""
        if not table.per_source:
            return self.slice(table)
        total = LakeSlice(table, (), (), (), ())
        for source in self.sources(table):
            total += self.slice(table, source)
        return total

    def beside(self, table: Table, partitions: Sequence[Partition] | None) -> LakeSlice:
        """What the lake holds of a table, of every source, over the days of some partitions of another one."""
        if partitions is None or table.grain is Grain.NONE:
            return self.whole(table)
        total = LakeSlice(table, (), (), (), ())
        for source in self.sources(table) if table.per_source else [None]:
            held = [each for each in self.partitions(table, source) if any(map(each.overlaps, partitions))]
            total += self.slice(table, source, held)
        return total

    def object_key(self, table: Table, source: str | None, partition: Partition) -> str:
        """The one object of a derived partition."""
        return f"{self._partition_folder(table, source, partition)}/data.parquet"

    def raw_key(self, table: Table, source: str, partition: Partition, batch_id: str) -> str:
        return f"{self._partition_folder(table, source, partition)}/{batch_id}.parquet"

    @staticmethod
    def batch_of(raw_key: str) -> str:
        """The id of the batch that a raw object is of."""
        return PurePosixPath(raw_key).stem

    def answers(self, source: str, date: str, batch_id: str) -> AnswerLog:
        return AnswerLog(self.store, source, date, batch_id)

    def open_parquet(self, key: str) -> pq.ParquetFile:
        return pq.ParquetFile(self.store.path(key))

    def footer(self, key: str) -> dict[str, str]:
        """What an object tells of itself beside its rows."""
        with self.open_parquet(key) as file:
            told: dict[bytes, bytes] = file.metadata.metadata or {}
        return {name.decode(): value.decode() for name, value in told.items() if name != b"ARROW:schema"}

    def batches(self, keys: Iterable[str]) -> Iterator[pa.RecordBatch]:
        """The rows of some objects, streamed."""
        for key in keys:
            with self.open_parquet(key) as file:
                # Arrow's pool keeps what threads of its own took for them, and gives back only what this one did.
                yield from file.iter_batches(batch_size=_ROWS_AT_ONCE, use_threads=False)
            pa.default_memory_pool().release_unused()

    # What takes its place

    @contextmanager
    def scratch(self) -> Iterator[Path]:
        """A folder for unfinished work, gone at the end whatever happens."""
        try:
            self._scratch.mkdir(parents=True, exist_ok=True)
            folder = Path(tempfile.mkdtemp(prefix=f"{os.getpid()}-", dir=self._scratch))
        except OSError as error:
            raise LakeError(
                f"No temporary folder can be made in {self._scratch} ({error.strerror}); make room or rights there."
            ) from error
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    @contextmanager
    def exclusive(self, table: Table, source: str | None) -> Iterator[None]:
        """One at a time from reading a table's inputs to its promotion, so that none overtakes a later reading."""
        folder = self._scratch / "locks"
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / f"{table.name}.{source or 'all'}").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def replace_partitions(
        self,
        table: Table,
        source: str | None,
        partitions: Collection[Partition],
        batches: Iterable[pa.RecordBatch],
        audit: Audit,
        footers: Mapping[str, Mapping[str, str]] | None = None,
    ) -> tuple[list[Promotion], list[Rejection]]:
        """Write a sorted stream as candidates, audit them together, and promote those that pass.

        Nothing of the old partitions changes before every candidate is finished and audited; a candidate equal to
        what is there is left alone. `footers` are what each partition's object tells of itself beside its rows.
        """
        with self.scratch() as folder:
            wanted = [partition.key for partition in sorted(partitions)]
            candidates = list(write_partitions(batches, table.arrow_schema, wanted, folder, footers))
            broken = audit(candidates)
            promotions = [
                self._promote(table, source, candidate) for candidate in candidates if candidate.partition not in broken
            ]
        return promotions, [Rejection(Partition(key), reasons) for key, reasons in sorted(broken.items())]

    def _promote(self, table: Table, source: str | None, candidate: Candidate) -> Promotion:
        partition = Partition(candidate.partition)
        key = self.object_key(table, source, partition)
        digest = candidate.sha256
        changed = self.store.sha256(key) != digest
        if changed:
            self.store.replace(key, candidate.path)
        return Promotion(partition, key, candidate.rows, digest, candidate.path.stat().st_size, changed)

    # Where it lies

    def _folder(self, table: Table, source: str | None) -> str:
        if table.per_source and source is None:
            raise LakeError(f"The table {table.name} is kept by source; name one.")
        return f"{table.name}/source={source}" if table.per_source else table.name

    def _partition_folder(self, table: Table, source: str | None, partition: Partition) -> str:
        folder = self._folder(table, source)
        return folder if partition == WHOLE else f"{folder}/{table.grain.value}={partition.key}"

    def _objects(self, table: Table, source: str | None, partition: Partition) -> list[str]:
        return [
            key for key in self.store.keys(self._partition_folder(table, source, partition)) if key.endswith(".parquet")
        ]
