"""Files of the market at a moment, read into rows of snapshots: one JSON object per line, under canonical names."""

from __future__ import annotations

from datetime import date, datetime

import msgspec
import numpy as np
import pyarrow as pa

from crypto_platform.sources.files.dates import DAY, NEVER, Moments, fault_days_outside, isoformat, moments_of
from crypto_platform.sources.files.formats import SNAPSHOT_VALUES, Recognised
from crypto_platform.sources.files.guide import Guide
from crypto_platform.sources.files.numbers import number_texts
from crypto_platform.sources.files.owners import Owners, naming_places, owners_of
from crypto_platform.sources.files.reading import SNAPSHOT_SCHEMA, Faults, Reading
from crypto_platform.sources.files.rejects import rejects_of
from crypto_platform.sources.files.sheet import Sheet


def snapshots_of(sheet: Sheet, found: Recognised, guide: Guide, read_at: datetime, start: date) -> Reading:
    faults = Faults()
    cells = sheet.columns({*found.places.values(), *naming_places(sheet, found)}, faults)
    owners = owners_of(sheet, found, cells, guide, faults)
    moments = _moments(found, cells, faults)
    fault_days_outside(moments // DAY, moments != NEVER, start, read_at.date(), faults)
    values = _values(sheet, found, cells, owners, faults)
    return Reading(
        "snapshots",
        found.format.name,
        owners.alone,
        _rows(sheet, moments, values, faults),
        owners.table(of_the_past=False),
        rejects_of(sheet, owners, faults),
        len(sheet.lines),
    )


def _moments(found: Recognised, cells: dict[int, pa.Array], faults: Faults) -> Moments:
    format_ = found.format
    return moments_of(cells[found.places["date"]], "last_updated", format_.date_format, format_.date_order, faults)


def _values(sheet: Sheet, found: Recognised, cells: dict[int, pa.Array], owners: Owners, faults: Faults) -> pa.Table:
    """Every column of the canonical format as text, null where a cell is missing."""
    ids = owners.ids(np.arange(len(sheet.lines)))
    columns: dict[str, pa.Array] = {"id": ids}
    for name in ("symbol", "name"):
        if name in found.places:
            columns[name] = cells[found.places[name]]
    for name in SNAPSHOT_VALUES:
        if name in found.places:
            columns[name] = number_texts(cells[found.places[name]], name, found.format.decimal, faults)
    if "ath_date" in found.places:
        highs = moments_of(cells[found.places["ath_date"]], "ath_date", None, None, faults, required=False)
        columns["ath_date"] = pa.array([isoformat(moment) for moment in highs.tolist()], pa.string())
    return pa.table(columns)


def _rows(sheet: Sheet, moments: Moments, values: pa.Table, faults: Faults) -> pa.Table:
    kept = faults.kept(len(sheet.lines))
    numbers = np.array(sheet.lines.numbers)[kept].tolist()
    times, place_of = np.unique(moments[kept], return_inverse=True)
    texts = pa.array([isoformat(moment) for moment in times.tolist()], pa.string()).take(pa.array(place_of))
    names = ("line", "last_updated", *values.column_names)
    columns = (numbers, texts.to_pylist(), *(column.to_pylist() for column in values.take(kept).columns))
    payloads = [
        msgspec.json.encode({name: cell for name, cell in zip(names, row, strict=True) if cell is not None}).decode()
        for row in zip(*columns, strict=True)
    ]
    days = pa.array(moments[kept] // DAY, pa.int32()).cast(pa.date32())
    return pa.table([pa.array(numbers, pa.int32()), days, pa.array(payloads, pa.string())], schema=SNAPSHOT_SCHEMA)
