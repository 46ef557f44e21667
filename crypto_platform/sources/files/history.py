"""Files of daily bars, read into points of history."""

from __future__ import annotations

from datetime import date, datetime

import numpy as np
import pyarrow as pa

from crypto_platform.sources import points
from crypto_platform.sources.files.bars import Bars, Mask, bars_of
from crypto_platform.sources.files.coins import quote_of
from crypto_platform.sources.files.dates import DAY, NEVER, Moments, day_text, fault_days_outside, moments_of
from crypto_platform.sources.files.formats import Recognised
from crypto_platform.sources.files.guide import Guide
from crypto_platform.sources.files.numbers import is_missing, numbers
from crypto_platform.sources.files.owners import Codes, Owners, naming_places, owners_of
from crypto_platform.sources.files.reading import HISTORY_SCHEMA, Faults, Reading
from crypto_platform.sources.files.rejects import rejects_of
from crypto_platform.sources.files.sheet import Sheet


def history_of(sheet: Sheet, found: Recognised, guide: Guide, read_at: datetime, start: date) -> Reading:
    faults = Faults()
    volumes = [place for place, key in enumerate(sheet.keys) if found.format.quote_volume and "volume" in key]
    wanted = {*found.places.values(), *naming_places(sheet, found), *volumes}
    cells = sheet.columns(wanted, faults)
    owners = owners_of(sheet, found, cells, guide, faults)
    moments = _moments(found, cells, faults)
    bars = bars_of(sheet.name, moments, owners.codes, found.format.day_of, faults)
    fault_days_outside(bars.days, moments != NEVER, start, read_at.date(), faults)
    places = dict(found.places)
    if found.format.quote_volume:
        places |= _quote_volume(sheet, found, cells)
    values = {
        name: numbers(cells[places[name]], name.removesuffix("_usd"), found.format.decimal, faults)
        for name in points.VALUES
        if name in places
    }
    _fault_repeats(sheet, owners, bars, values, faults)
    return Reading(
        "history",
        found.format.name,
        owners.alone,
        _rows(sheet, owners, bars, values, found.format.may_be_running, faults),
        owners.table(of_the_past=True),
        rejects_of(sheet, owners, faults),
        len(sheet.lines),
    )


def _moments(found: Recognised, cells: dict[int, pa.Array], faults: Faults) -> Moments:
    format_ = found.format
    moments = moments_of(cells[found.places["date"]], "date", format_.date_format, format_.date_order, faults)
    if "also_date" in found.places:
        # It is only for comparing: a column of clock times is no fault.
        others = moments_of(cells[found.places["also_date"]], "date", None, format_.date_order, Faults())
        apart = (moments != NEVER) & (others != NEVER)
        apart[apart] = np.abs(moments[apart] - others[apart]) >= DAY
        for row in np.flatnonzero(apart).tolist():
            first, second = (day_text(int(column[row]) // DAY) for column in (moments, others))
            faults.add(row, f"its two dates disagree: {first} and {second}")
    return moments


def _quote_volume(sheet: Sheet, found: Recognised, cells: dict[int, pa.Array]) -> dict[str, int]:
    """Where the volume in dollars is: in the column that is named after the quote all pairs have."""
    pairs = cells[found.places["coin"]].unique().to_pylist()
    quotes = {quote_of(pair) for pair in pairs if pair and not is_missing(pair)}
    if len(quotes) != 1:
        return {}
    key = f"volume{quotes.pop()}".lower()
    return {"volume_usd": sheet.keys.index(key)} if sheet.keys.count(key) == 1 else {}


def _fault_repeats(sheet: Sheet, owners: Owners, bars: Bars, values: dict[str, pa.Array], faults: Faults) -> None:
    """A day that comes twice is taken once where the lines agree, and not at all where they do not."""
    rows = faults.kept(len(sheet.lines))
    rows = rows[np.lexsort((rows, bars.observed[rows], owners.codes[rows]))]
    same = (owners.codes[rows][1:] == owners.codes[rows][:-1]) & (bars.observed[rows][1:] == bars.observed[rows][:-1])
    groups: list[list[int]] = []
    for place in np.flatnonzero(same).tolist():
        before, row = int(rows[place]), int(rows[place + 1])
        if groups and groups[-1][-1] == before:
            groups[-1].append(row)
        else:
            groups.append([before, row])
    for group in groups:
        told = {row: tuple(column[row].as_py() for column in values.values()) for row in group}
        speaking = [row for row in group if any(value is not None for value in told[row])]
        day = day_text(int(bars.days[group[0]]))
        if len({told[row] for row in speaking}) > 1:
            for row in group:
                other = next(other for other in speaking if other != row)
                faults.add(row, f"line {sheet.lines.numbers[other]} tells otherwise of {day}")
        else:
            kept = (speaking or group)[0]
            for row in group:
                if row != kept:
                    faults.add(row, f"line {sheet.lines.numbers[kept]} already tells of {day}")


def _rows(
    sheet: Sheet, owners: Owners, bars: Bars, values: dict[str, pa.Array], may_be_running: bool, faults: Faults
) -> pa.Table:
    rows = faults.kept(len(sheet.lines))
    columns = {
        "source_asset_id": owners.ids(rows),
        "position": pa.array(np.array(sheet.lines.numbers)[rows], pa.int32()),
        "observed_at": pa.array(bars.observed[rows]).cast(HISTORY_SCHEMA.field("observed_at").type),
        **{name: column.take(pa.array(rows)) for name, column in values.items()},
        "unfinished": pa.array([True] * len(rows), pa.bool_(), mask=~_unfinished(bars, rows, may_be_running)),
    }
    return pa.table(
        [columns.get(field.name, pa.nulls(len(rows), field.type)) for field in HISTORY_SCHEMA], schema=HISTORY_SCHEMA
    )


def _unfinished(bars: Bars, rows: Codes, may_be_running: bool) -> Mask:
    """A download made during a day holds that day so far, and nothing in the file tells."""
    days = bars.days[rows]
    newest = days == days.max(initial=NEVER) if may_be_running else np.zeros(len(rows), np.bool_)
    unfinished: Mask = newest | bars.live[rows]
    return unfinished
