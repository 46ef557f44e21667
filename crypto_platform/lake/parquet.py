"""Writing Parquet so that the same rows give the same bytes, one file per partition of a sorted stream."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from crypto_platform.lake.store import LakeError, file_sha256

ROWS_PER_GROUP = 65_536
PARTITION = "_partition"
"""The leading column of a sorted stream: the key of the partition each row belongs to."""


INPUTS = "inputs"
"""The footer's word for a digest of what a partition was made of."""

MADE_OF = "made_of"
"""The footer's word for the raw objects and the code that a partition was made of, where it can be added to."""


class ParquetFile:
    """One Parquet file whose row groups have a fixed size, however the rows arrive."""

    def __init__(self, path: Path, schema: pa.Schema, metadata: Mapping[str, str] | None = None) -> None:
        self.path = path
        self.rows = 0
        self._schema = schema.remove_metadata()
        self._metadata = dict(metadata or {})
        self._writer = pq.ParquetWriter(path, self._schema, compression="zstd", version="2.6", store_schema=False)
        self._waiting: list[pa.RecordBatch] = []
        self._waiting_rows = 0

    def write(self, batch: pa.RecordBatch) -> None:
        self.rows += batch.num_rows
        while self._waiting_rows + batch.num_rows >= ROWS_PER_GROUP:
            fitting = ROWS_PER_GROUP - self._waiting_rows
            self._waiting.append(batch.slice(0, fitting))
            self._write_group()
            batch = batch.slice(fitting)
        if batch.num_rows:
            self._waiting.append(batch)
            self._waiting_rows += batch.num_rows

    def close(self, more: Mapping[str, str] | None = None) -> None:
        """Write what is left of the rows, and what the file tells of itself; some of that is known only now."""
        if self._waiting:
            self._write_group()
        if told := {**self._metadata, **(more or {})}:
            self._writer.add_key_value_metadata(told)
        self._writer.close()

    def _write_group(self) -> None:
        group = pa.Table.from_batches(self._waiting, self._schema).combine_chunks()
        self._writer.write_table(group, row_group_size=ROWS_PER_GROUP)
        self._waiting, self._waiting_rows = [], 0
        del group
        # What the group took goes back to the system; a process that stays up would keep it for good.
        pa.default_memory_pool().release_unused()


@dataclass(frozen=True)
class Candidate:
    """A finished file that may become a partition's object."""

    partition: str
    path: Path
    rows: int

    @property
    def sha256(self) -> str:
        return file_sha256(self.path)


def write_partitions(
    batches: Iterable[pa.RecordBatch],
    schema: pa.Schema,
    wanted: Iterable[str],
    folder: Path,
    footers: Mapping[str, Mapping[str, str]] | None = None,
) -> Iterator[Candidate]:
    """Cut a stream sorted by partition into one file each, an empty one where a wanted partition has no rows."""

    def new(key: str) -> ParquetFile:
        return ParquetFile(folder / f"{key}.parquet", schema, (footers or {}).get(key))

    outstanding = dict.fromkeys(wanted)
    file: ParquetFile | None = None
    current = ""
    for batch in batches:
        rows = batch.drop_columns([PARTITION]).cast(schema)
        for key, start, length in _runs(batch.column(PARTITION)):
            if key != current:
                if file is not None:
                    yield _finished(file, current)
                if key not in outstanding:
                    raise LakeError(f"Rows of the partition {key} came out of order, or were not asked for.")
                outstanding.pop(key)
                file, current = new(key), key
            if file is not None:
                file.write(rows.slice(start, length))
    if file is not None:
        yield _finished(file, current)
    for key in outstanding:
        yield _finished(new(key), key)


def _finished(file: ParquetFile, key: str) -> Candidate:
    file.close()
    return Candidate(key, file.path, file.rows)


def _runs(keys: pa.Array) -> Iterator[tuple[str, int, int]]:
    """The stretches of equal keys in a column: key, start, length."""
    if not len(keys):
        return
    encoded = pc.run_end_encode(keys)
    start = 0
    for key, end in zip(encoded.values.to_pylist(), encoded.run_ends.to_pylist(), strict=True):
        yield key, start, end - start
        start = end
