"""Landing dropped files: each is kept as it came and read once, by its content; what cannot be read is kept too."""

from __future__ import annotations

import hashlib
import os
import uuid
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from errno import ENOENT
from itertools import count
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from crypto_platform.lake.answers import pack, unpack
from crypto_platform.lake.coins import land_list
from crypto_platform.lake.history import put_months, spill_by_month
from crypto_platform.lake.lake import Lake
from crypto_platform.lake.landed import About, put_raw
from crypto_platform.lake.store import LakeError, file_sha256
from crypto_platform.sources.csv import Csv
from crypto_platform.sources.files import Guide, GuideError, Reading, UnreadableFileError, read_file, with_coin
from crypto_platform.sources.http import Answer
from crypto_platform.tables import DROPPED_FILES, FILE_QUARANTINE, RAW_HISTORY, RAW_SNAPSHOTS, WHOLE, Partition

DROP = "drop"
_FILES = uuid.UUID("c2a4c9de-52a5-4d0f-8f2e-6c1b8f0d7a31")
_GUIDES = (Guide.COINS_FILE, Guide.FORMATS_FILE)
_PAGE = 1
LARGEST = 100_000_000
"""Bytes; a file is read as a whole, which takes some twenty times its size in memory."""


@dataclass(frozen=True)
class Starts:
    """The first days the platform has partitions for."""

    history: date
    snapshots: date


@dataclass(frozen=True)
class DroppedFile:
    """One file of the drop folder, by name and content."""

    name: str
    sha256: str
    content: bytes
    size: int


def dropped(lake: Lake) -> Iterator[DroppedFile]:
    """The files people put into the drop folder, in the order of their names; those that guide the reading are not.

    One that cannot be read, or is gone by now, has no content to know it by: it is left for the next reading.
    """
    for key in _keys(lake):
        name = _as_text(key.removeprefix(f"{DROP}/"))
        if name in _GUIDES:
            continue
        try:
            file = _dropped(lake, key, name)
        except OSError as error:
            _warn(name, error)
        else:
            yield file


def _warn(name: str, error: OSError) -> None:
    import structlog

    structlog.get_logger(__name__).warning("a dropped file was left out", file=name, reason=error.strerror)


def _dropped(lake: Lake, key: str, name: str) -> DroppedFile:
    if not lake.store.exists(key):
        raise FileNotFoundError(ENOENT, "it is no file, or is gone")
    size = lake.store.size(key)
    if size > LARGEST:
        return DroppedFile(name, file_sha256(lake.store.path(key)), b"", size)
    content = lake.store.read(key)
    return DroppedFile(name, hashlib.sha256(content).hexdigest(), content, size)


def _keys(lake: Lake) -> list[str]:
    """All that lies in the drop folder, but for what is hidden or in a hidden folder."""
    return [key for key in sorted(lake.store.keys(DROP)) if not any(part.startswith(".") for part in key.split("/"))]


def _as_text(name: str) -> str:
    """A name as it can be written down; a folder may hold names that are not UTF-8."""
    return os.fsencode(name).decode(errors="backslashreplace")


def guide_of(lake: Lake) -> Guide:
    """What people say of the files beside them."""
    return Guide.parse(*(_guide_file(lake, name) for name in _GUIDES))


def _guide_file(lake: Lake, name: str) -> bytes | None:
    key = f"{DROP}/{name}"
    try:
        return lake.store.read(key) if lake.store.exists(key) else None
    except OSError as error:
        raise LakeError(f"{key} cannot be read ({error.strerror}); make it readable, or take it away.") from error


def signature(lake: Lake) -> str:
    """Changes when anything in the drop folder does; cheap, for nothing is read."""
    seen = [f"{_as_text(key)} {_looks(lake, key)}" for key in _keys(lake)]
    return hashlib.sha256("\n".join(seen).encode()).hexdigest()


def _looks(lake: Lake, key: str) -> str:
    try:
        return f"{lake.store.size(key)} {lake.store.changed_at(key)}"
    except OSError:
        return "gone"


def drop_files(lake: Lake, files: Sequence[Path], coin: str | None = None) -> None:
    """Put people's files into the drop folder, and say which coin they are of; all of them, or none."""
    _refuse_names(files)
    contents = {file.name: _content(file) for file in files}
    known = {row["sha256"]: row for row in files_known(lake) if row["status"] == "read"}
    for name, content in contents.items():
        if name in _GUIDES:
            _refuse_no_guide(name, content, coin)
            continue
        _refuse_to_lose(lake, name, content)
        row = known.get(hashlib.sha256(content).hexdigest())
        if row and coin and row["coin"] != coin.removeprefix("asset:"):
            raise LakeError(
                f"{name} was read as {row['coin'] or 'what its own rows say'} on {row['read_at']:%Y-%m-%d}, and a "
                "file is read once. Its rows stay until the lake is made anew; nothing was changed."
            )
    if coin:
        said = _guide_file(lake, Guide.COINS_FILE) or b""
        for name in contents:
            said = with_coin(said, name, coin)
        if contents:
            put_into_drop(lake, Guide.COINS_FILE, said)
    for name, content in contents.items():
        put_into_drop(lake, name, content)


def _refuse_names(files: Sequence[Path]) -> None:
    names = [file.name for file in files]
    for file in files:
        if names.count(file.name) > 1:
            raise LakeError(f"Two of the files are called {file.name}; drop them one by one, under names of their own.")
        if file.name.startswith("."):
            raise LakeError(f"{file.name} begins with a dot, and hidden files are not read; rename it.")


def _content(file: Path) -> bytes:
    """What is in a file of people's; raises OSError and LakeError, the latter where it is too large to be read."""
    size = file.stat().st_size
    if size > LARGEST:
        raise LakeError(f"{file.name} {_too_large(size)}")
    return file.read_bytes()


def _too_large(size: int) -> str:
    return f"is {size / 1e6:,.0f} MB large and files of up to {LARGEST / 1e6:,.0f} MB are read; split it."


def _refuse_no_guide(name: str, content: bytes, coin: str | None) -> None:
    try:
        if coin:
            raise GuideError(f"{name} is of no coin.")
        Guide.parse(*(content if name == each else None for each in _GUIDES))
    except GuideError as error:
        raise LakeError(f"{error} Files called {name} tell of the others; rename it if it holds prices.") from None


def _refuse_to_lose(lake: Lake, name: str, content: bytes) -> None:
    """What is in the drop folder under that name is kept elsewhere by now, or is the same."""
    held = lake.store.sha256(f"{DROP}/{name}")
    if held and held != hashlib.sha256(content).hexdigest() and not lake.store.exists(_kept_key(held)):
        raise LakeError(
            f"The drop folder holds another {name}, which was not read yet; `crypto-platform drop` reads it, "
            "or rename yours."
        )


def put_into_drop(lake: Lake, name: str, content: bytes) -> None:
    """Put a file into the drop folder, in one step; one of that name is replaced, and what was read of it stays."""
    with lake.scratch() as folder:
        file = folder / "dropped"
        file.write_bytes(content)
        lake.store.replace(f"{DROP}/{name}", file)


def begin_with(lake: Lake, file: Path | None) -> None:
    """Put the file that the settings name into the drop folder, where it is not there as it is.

    A file of that name that waits there to be read keeps its place.
    """
    if file is None:
        return
    if file.name in _GUIDES or file.name.startswith("."):
        raise LakeError(f"No prices are read of a file called {file.name}; rename it, and set CRYPTO_CSV_FILE_PATH.")
    try:
        content = _content(file.expanduser())
    except OSError as error:
        raise LakeError(
            f"The file {file} cannot be read ({error.strerror}); set CRYPTO_CSV_FILE_PATH to another, or to nothing."
        ) from error
    sha256 = hashlib.sha256(content).hexdigest()
    read = {row["sha256"] for row in files_known(lake) if row["status"] == "read"}
    for number in count(1):
        name = file.name if number == 1 else f"{file.stem} ({number}){file.suffix}"
        held = lake.store.sha256(f"{DROP}/{name}")
        if held == sha256 or (held and lake.store.exists(_kept_key(sha256))):
            return
        if held is None or held in read:
            put_into_drop(lake, name, content)
            return


def land_files(lake: Lake, now: datetime, starts: Starts) -> pa.Table:
    """Read what is new, and again what nobody could make sense of; the whole table of dropped files as it is then."""
    guide = guide_of(lake)
    known = {row["sha256"]: row for row in _known(lake)}
    for file in dropped(lake):
        before = known.get(file.sha256)
        if before is None or before["status"] == "quarantined":
            known[file.sha256] = _land(lake, file, guide, before["read_at"] if before else now, starts)
    return pa.Table.from_pylist([known[key] for key in sorted(known)], schema=DROPPED_FILES.arrow_schema)


def _known(lake: Lake) -> list[dict[str, Any]]:
    rows = pa.Table.from_batches(lake.batches(lake.slice(DROPPED_FILES).objects), DROPPED_FILES.arrow_schema)
    found: list[dict[str, Any]] = rows.to_pylist()
    return found


def _keep(lake: Lake, file: DroppedFile, now: datetime) -> datetime:
    """Keep a file as it came; since when it is kept, so that a reading that was broken off is gone on with."""
    if file.size > LARGEST:
        raise UnreadableFileError(f"{file.name} {_too_large(file.size)}")
    key = _kept_key(file.sha256)
    if lake.store.put_if_absent(key, pack(Answer(f"{DROP}/{file.name}", 200, {}, file.content, now))):
        return now
    return unpack(lake.store.read(key), key).fetched_at


def _kept_key(sha256: str) -> str:
    """Where a file's bytes are kept for good."""
    return f"answers/source={Csv.name}/file={sha256}/{_PAGE:04d}.zst"


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


def files_known(lake: Lake) -> list[dict[str, Any]]:
    """Every file that was ever dropped, as the lake knows it."""
    return _known(lake) if lake.store.exists(lake.object_key(DROPPED_FILES, None, WHOLE)) else []
