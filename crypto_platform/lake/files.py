"""Landing dropped files: each is kept as it came and read once, by its content; what cannot be read is kept too."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, datetime

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from crypto_platform.lake.answers import pack, unpack
from crypto_platform.lake.coins import land_list
from crypto_platform.lake.drop import DROP, LARGEST, DroppedFile, dropped, files_known, guide_of, kept_key, too_large
from crypto_platform.lake.history import put_months, spill_by_month
from crypto_platform.lake.lake import Lake
from crypto_platform.lake.landed import About, put_raw
from crypto_platform.lake.store import LakeError
from crypto_platform.sources.csv import Csv
from crypto_platform.sources.files import Guide, Reading, UnreadableFileError, read_file
from crypto_platform.sources.http import Answer
from crypto_platform.tables import DROPPED_FILES, FILE_QUARANTINE, RAW_HISTORY, RAW_SNAPSHOTS, Partition

_FILES = uuid.UUID("c2a4c9de-52a5-4d0f-8f2e-6c1b8f0d7a31")
_PAGE = 1


@dataclass(frozen=True)
class Starts:
    """The first days the platform has partitions for."""

    history: date
    snapshots: date


def land_files(lake: Lake, now: datetime, starts: Starts) -> pa.Table:
    """Read what is new, and again what nobody could make sense of; the whole table of dropped files as it is then."""
    guide = guide_of(lake)
    known = {row["sha256"]: row for row in files_known(lake)}
    for file in dropped(lake):
        before = known.get(file.sha256)
        if before is None or before["status"] == "quarantined":
            known[file.sha256] = _land(lake, file, guide, before["read_at"] if before else now, starts)
    return pa.Table.from_pylist([known[key] for key in sorted(known)], schema=DROPPED_FILES.arrow_schema)


def _keep(lake: Lake, file: DroppedFile, now: datetime) -> datetime:
    """Keep a file as it came; since when it is kept, so that a reading that was broken off is gone on with."""
    if file.size > LARGEST:
        raise UnreadableFileError(f"{file.name} {too_large(file.size)}")
    key = kept_key(file.sha256)
    if lake.store.put_if_absent(key, pack(Answer(f"{DROP}/{file.name}", 200, {}, file.content, now))):
        return now
    return unpack(lake.store.read(key), key).fetched_at


def _land(lake: Lake, file: DroppedFile, guide: Guide, read_at: datetime, starts: Starts) -> dict[str, object]:
    sha256 = file.sha256
    row: dict[str, object] = {"sha256": sha256, "file": file.name, "read_at": read_at}
    try:
        read_at = _keep(lake, file, read_at)
        row["read_at"] = read_at
        reading = read_file(file.name, file.content, guide, read_at, starts.history, starts.snapshots)
    except UnreadableFileError as error:
        nothing = {"batch_id": _batch_id(sha256, ""), "status": "quarantined", "reason": str(error)}
        return row | nothing | {"rows": 0, "landed": 0, "rejected": 0}
    if reading.lines != reading.rows.num_rows + len(reading.rejected):
        raise LakeError(f"{file.name} has {reading.lines} rows, of which not all came through; this is a defect.")
    batch_id = _batch_id(sha256, f"{reading.format} {reading.coin or ''}")
    about = About("files", batch_id, 1, read_at, read_at, *_days(reading))
    land = _land_history if reading.kind == "history" else _land_snapshots
    land(lake, reading, about, read_at)
    if reading.coins.num_rows:
        land_list(lake, Csv.name, reading.coins, replace(about, kind="coins", first_day=read_at.date()), read_at)
    _keep_rejected(lake, sha256, reading, about, read_at)
    return row | {
        "batch_id": batch_id,
        "status": "read",
        "kind": reading.kind,
        "format": reading.format,
        "coin": reading.coin,
        "rows": reading.lines,
        "landed": reading.rows.num_rows,
        "rejected": len(reading.rejected),
        "first_day": about.first_day,
        "last_day": about.last_day,
    }


def _batch_id(sha256: str, read_as: str) -> str:
    """The same content read in the same way is the same batch."""
    return str(uuid.uuid5(_FILES, f"{sha256} {read_as}"))


def _days(reading: Reading) -> tuple[date | None, date | None]:
    if not reading.rows.num_rows:
        return None, None
    column = reading.rows.column("observed_at" if reading.kind == "history" else "snapshot_date")
    ends = pc.min_max(pc.cast(column, pa.date32(), safe=False)).as_py()
    return ends["min"], ends["max"]


def _land_history(lake: Lake, reading: Reading, about: About, read_at: datetime) -> None:
    rows = _filled(reading.rows, RAW_HISTORY.arrow_schema, about, read_at)
    with lake.scratch() as folder:
        put_months(lake, Csv.name, about, spill_by_month([rows], folder), folder)


def _land_snapshots(lake: Lake, reading: Reading, about: About, read_at: datetime) -> None:
    rows = _filled(reading.rows, RAW_SNAPSHOTS.arrow_schema, about, read_at).sort_by("snapshot_date")
    with lake.scratch() as folder:
        for day in pc.unique(rows.column("snapshot_date")).to_pylist():
            of_day = rows.filter(pc.equal(rows.column("snapshot_date"), pa.scalar(day, pa.date32())))
            put_raw(lake, RAW_SNAPSHOTS, Csv.name, Partition(day.isoformat()), about, of_day, folder)


def _filled(rows: pa.Table, schema: pa.Schema, about: About, read_at: datetime) -> pa.Table:
    count = rows.num_rows
    columns = {
        "source": pa.repeat(pa.scalar(Csv.name), count),
        "batch_id": pa.repeat(pa.scalar(about.batch_id), count),
        "page": pa.repeat(pa.scalar(_PAGE, pa.int32()), count),
        "fetched_at": pa.repeat(pa.scalar(read_at, pa.timestamp("us", "UTC")), count),
    } | {name: rows.column(name) for name in rows.column_names}
    return pa.table([columns[name] for name in schema.names], schema=schema)


# What could not be read


def _rejected_key(sha256: str, batch_id: str) -> str:
    return f"answers/source={Csv.name}/file={sha256}/rejected-{batch_id}.parquet"


def _keep_rejected(lake: Lake, sha256: str, reading: Reading, about: About, read_at: datetime) -> None:
    if not reading.rejected:
        return
    rows = [
        _quarantined(about.batch_id, line.line, line.reasons, line.text, read_at)
        | {"source_asset_id": line.source_asset_id}
        for line in reading.rejected
    ]
    with lake.scratch() as folder:
        file = folder / "rejected.parquet"
        pq.write_table(pa.Table.from_pylist(rows, schema=FILE_QUARANTINE.arrow_schema), file, compression="zstd")
        lake.store.put_file_if_absent(_rejected_key(sha256, about.batch_id), file)


def rejected_lines(lake: Lake, files: Iterable[dict[str, object]]) -> pa.Table:
    """Every line that could not be read or placed, and every file that was quarantined as a whole, as line 0."""
    schema = FILE_QUARANTINE.arrow_schema
    whole, tables = [], []
    for file in files:
        if file["status"] == "quarantined":
            named = _named(str(file["file"]))
            whole.append(_quarantined(file["batch_id"], 0, (str(file["reason"]),), named, file["read_at"]))
        elif file["rejected"]:
            key = _rejected_key(str(file["sha256"]), str(file["batch_id"]))
            with lake.open_parquet(key) as rejected:
                tables.append(rejected.read().cast(schema))
    return pa.concat_tables([pa.Table.from_pylist(whole, schema=schema), *tables])


def _named(file: str) -> str:
    import msgspec

    return msgspec.json.encode({"file": file}).decode()


def _quarantined(
    batch_id: object, line: int, reasons: tuple[str, ...], payload: str, read_at: object
) -> dict[str, object]:
    return {
        "source": Csv.name,
        "snapshot_date": read_at.date() if isinstance(read_at, datetime) else None,
        "table_name": DROPPED_FILES.name,
        "batch_id": batch_id,
        "page": _PAGE,
        "position": line,
        "reasons": list(reasons),
        "payload": payload,
        "occurrences": 1,
        "fetched_at": read_at,
    }
