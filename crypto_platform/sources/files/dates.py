"""The text of cells as moments in UTC, in microseconds since 1970; the order of day and month is a column's affair."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from crypto_platform.sources.files.numbers import is_missing
from crypto_platform.sources.files.reading import Faults, UnreadableFileError

Order = Literal["dmy", "mdy"]
Moments = npt.NDArray[np.int64]

SECOND = 1_000_000
DAY = 86_400 * SECOND
NEVER = -(2**63)
"""Stands for a moment that cannot be read."""

_EPOCH = date(1970, 1, 1).toordinal()
_BEGIN = datetime(1970, 1, 1, tzinfo=UTC)
_MONTH_NAMES = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTHS = {name: number for number, name in enumerate(_MONTH_NAMES, 1)}
_SLASHED = re.compile(r"([0-9]{1,2})[/.\-]([0-9]{1,2})[/.\-]([0-9]{4})(?![0-9])", re.ASCII)
_MOMENT = re.compile(
    r"(?:(?P<year>[0-9]{4})(?P<gap>[/.\-]?)(?P<month>[0-9]{2})(?P=gap)(?P<day>[0-9]{2})"
    r"|(?P<a>[0-9]{1,2})[/.\-](?P<b>[0-9]{1,2})[/.\-](?P<c>[0-9]{4})"
    r"|(?P<name>[A-Za-z]{3,9})[.]? (?P<named>[0-9]{1,2}),? (?P<of>[0-9]{4}))"
    r"(?:[T ] ?(?P<hour>[0-9]{1,2})(?::(?P<minute>[0-9]{2})(?::(?P<second>[0-9]{2})(?:[.,](?P<part>[0-9]{1,9}))?)?)?"
    r"(?:[ \-]?(?P<half>[AaPp])[Mm])?"
    r" ?(?:Z|z|UTC|GMT|(?P<sign>[+-])(?P<ahead>[0-9]{2}):?(?P<minutes>[0-9]{2})?)?)?",
    re.ASCII,
)
# Nine digits of seconds are 1973; fewer are days since 1900 or no time at all.
_NUMBER = re.compile(r"[0-9]{9,17}(?:[.][0-9]{1,9})?", re.ASCII)
_FARTHEST = 14 * 60 + 59


def moments_of(
    cells: pa.Array, what: str, format_: str | None, order: Order | None, faults: Faults, required: bool = True
) -> Moments:
    """Every cell's moment; a cell that has none is a fault of its row."""
    encoded = cells.dictionary_encode()
    texts: list[str] = encoded.dictionary.to_pylist()
    places = encoded.indices.fill_null(len(texts)).to_numpy(zero_copy_only=False)
    if format_ is None and order is None:
        order = _order_of(texts, places)
    read = [moment_of(text, format_, order) for text in texts]
    distinct = np.array([NEVER if moment is None else moment for moment in (*read, None)], np.int64)
    moments: Moments = distinct[places]
    for row in np.flatnonzero(moments == NEVER).tolist():
        if row not in faults:
            text = cells[row].as_py() or ""
            if not is_missing(text):
                faults.add(row, f"{what} is not a time: {text[:100]!r}")
            elif required:
                faults.add(row, f"{what} is missing")
    return moments


def moment_of(text: str, format_: str | None = None, order: Order | None = None) -> int | None:
    if format_ == "epoch":
        return _epoch(text)
    if format_ is not None:
        return _formatted(text, format_)
    if len(text) == 19 and text[4] == text[7] == "-" and text[10] in " T":
        # What most files write is read ten times quicker than the rest.
        return _formatted(text, None)
    found = _MOMENT.fullmatch(text)
    if found is None:
        return _epoch(text)
    day = _day_of(found, order or "dmy")
    time = _time_of(found)
    return None if day is None or time is None else day * DAY + time


def day_text(day: int) -> str:
    """A day as text, also where a zone's offset puts it beyond the calendar."""
    return date.fromordinal(min(max(_EPOCH + day, 1), date.max.toordinal())).isoformat()


def isoformat(moment: int) -> str | None:
    """A moment as text; None where it could not be read."""
    if moment == NEVER:
        return None
    time = _BEGIN + timedelta(microseconds=moment % DAY)
    return f"{day_text(moment // DAY)}T{time.time().isoformat()}Z"


def fault_days_outside(days: Moments, known: npt.NDArray[np.bool_], start: date, today: date, faults: Faults) -> None:
    """Days before the calendar begins, or after the one on which the file was read, have no partition."""
    for row in np.flatnonzero(known & (days < start.toordinal() - _EPOCH)).tolist():
        faults.add(row, f"{day_text(int(days[row]))} is before {start.isoformat()}, the first day that is kept")
    for row in np.flatnonzero(known & (days > today.toordinal() - _EPOCH)).tolist():
        faults.add(row, f"{day_text(int(days[row]))} was still to come when the file was read")


def _day_of(found: re.Match[str], order: Order) -> int | None:
    if found["year"]:
        parts = int(found["year"]), int(found["month"]), int(found["day"])
    elif found["name"]:
        parts = int(found["of"]), _MONTHS.get(found["name"][:3].lower(), 0), int(found["named"])
    else:
        first, second = int(found["a"]), int(found["b"])
        parts = (int(found["c"]), second, first) if order == "dmy" else (int(found["c"]), first, second)
    try:
        return date(*parts).toordinal() - _EPOCH
    except ValueError:
        return None


def _time_of(found: re.Match[str]) -> int | None:
    if found["hour"] is None:
        return 0
    if found["minute"] is None and found["half"] is None:
        return None
    hour, minute, second = int(found["hour"]), int(found["minute"] or 0), int(found["second"] or 0)
    if found["half"]:
        if not 1 <= hour <= 12:
            return None
        hour = hour % 12 + (12 if found["half"] in "pP" else 0)
    if hour > 23 or minute > 59 or second > 59:
        return None
    ahead = int(found["ahead"] or 0) * 60 + int(found["minutes"] or 0)
    if ahead > _FARTHEST:
        return None
    if found["sign"] == "-":
        ahead = -ahead
    part = int((found["part"] or "").ljust(6, "0")[:6])
    return (hour * 3600 + (minute - ahead) * 60 + second) * SECOND + part


def _epoch(text: str) -> int | None:
    """Seconds, milliseconds or microseconds since 1970, told apart by their size."""
    found = _NUMBER.fullmatch(text)
    if found is None:
        return None
    whole, _, part = text.partition(".")
    number = int(whole)
    for unit, limit in ((SECOND, 10**11), (1000, 10**14), (1, 10**17)):
        if number < limit:
            return number * unit + int(part.ljust(6, "0")[:6]) * unit // SECOND
    return None


def _formatted(text: str, format_: str | None) -> int | None:
    """By a pattern of strptime, or by ISO 8601; without a zone it is UTC."""
    try:
        moment = datetime.strptime(text, format_) if format_ else datetime.fromisoformat(text)  # noqa: DTZ007
    except ValueError:
        return None
    ahead = moment.utcoffset()
    since = moment.replace(tzinfo=UTC) - _BEGIN
    if ahead is not None:
        since -= ahead
    return (since.days * 86_400 + since.seconds) * SECOND + since.microseconds


def _order_of(texts: list[str], places: npt.NDArray[Any]) -> Order | None:
    """Whether 01/02/2020 is in January or February: a part above 12 tells, or else which order gives daily steps."""
    slashed = [_SLASHED.match(text) for text in texts]
    pairs = {(int(found[1]), int(found[2])) for found in slashed if found}
    pairs = {pair for pair in pairs if min(pair) <= 12}
    orders: set[Order] = set()
    orders |= {"dmy" for first, second in pairs if first > 12 >= second}
    orders |= {"mdy" for first, second in pairs if second > 12 >= first}
    if not orders and any(first != second for first, second in pairs):
        orders = {order for order in ("dmy", "mdy") if _steps_daily(texts, places, order)}
    elif not orders:
        return None
    if len(orders) != 1:
        raise UnreadableFileError(
            "The dates do not tell whether 01/02/2020 is in January or in February; "
            "give the file a format in formats.toml with a date_format, for example '%d/%m/%Y'."
        )
    return orders.pop()


def _steps_daily(texts: Iterable[str], places: npt.NDArray[Any], order: Order) -> bool:
    days = [moment_of(text, None, order) for text in texts]
    known = np.array([NEVER if day is None else day // DAY for day in (*days, None)], np.int64)[places]
    steps = np.abs(np.diff(known[known != NEVER]))
    steps = steps[steps != 0]
    return bool(len(steps)) and bool(np.count_nonzero(steps == 1) * 2 > len(steps))
