"""Whether a file's rows are daily bars, and which UTC day each of them is about."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from crypto_platform.sources.base import BarDate
from crypto_platform.sources.files.coins import stem_of
from crypto_platform.sources.files.dates import DAY, NEVER, SECOND, Moments
from crypto_platform.sources.files.owners import Codes
from crypto_platform.sources.files.reading import Faults, UnreadableFileError

Mask = npt.NDArray[np.bool_]

_MINUTE = 60 * SECOND
_HOUR = 60 * _MINUTE
_LAST_MINUTE = DAY - _MINUTE
_SAYS_DAILY = re.compile(r"(^|[_ .\-])(d|1d|1day|day|daily)($|[_ .\-])", re.IGNORECASE)


@dataclass(frozen=True)
class Bars:
    """The days that rows are about. A row whose moment is unknown has day 0 and is at fault."""

    days: Moments
    observed: Moments
    """The midnight that begins the day; a live row's own moment."""
    live: Mask
    """A coin's last row, where it carries the time of day it was made at."""


def bars_of(name: str, moments: Moments, codes: Codes, day_of: BarDate, faults: Faults) -> Bars:
    """Days by the moments in the file; refuses files of other bars than daily ones."""
    known = (moments != NEVER) & (codes >= 0)
    times = moments % DAY
    begins, ends = times == 0, times >= _LAST_MINUTE
    # Whoever writes the day's last minute means that day.
    live = _live(moments, codes, known, begins | ends)
    _refuse_other_bars(name, moments, codes, known & ~live)
    for row in np.flatnonzero((moments != NEVER) & ~begins & ~ends & ~live).tolist():
        hour, minute = divmod(int(times[row]) // _MINUTE, 60)
        faults.add(row, f"the bar begins at {hour:02}:{minute:02} UTC; a daily bar begins at 00:00 UTC")
    days = np.where(moments == NEVER, 0, moments // DAY)
    if day_of is BarDate.PREVIOUS_DAY:
        days = days - (begins & (moments != NEVER))
    return Bars(days, np.where(live, moments, days * DAY), live)


def _live(moments: Moments, codes: Codes, known: Mask, whole: Mask) -> Mask:
    """The newest row of a coin whose time is not a day's edge, while that of the row before it is."""
    rows = np.flatnonzero(known)
    rows = rows[np.lexsort((moments[rows], codes[rows]))]
    changes = codes[rows][1:] != codes[rows][:-1]
    is_last, has_before = np.ones((2, len(rows)), np.bool_)
    is_last[:-1], has_before[1:], has_before[:1] = changes, ~changes, False
    live = np.zeros(len(moments), np.bool_)
    for place in np.flatnonzero(is_last & has_before).tolist():
        last, before = rows[place], rows[place - 1]
        live[last] = bool(whole[before] and not whole[last])
    return live


def _refuse_other_bars(name: str, moments: Moments, codes: Codes, rows: Mask) -> None:
    order = np.lexsort((moments[rows], codes[rows]))
    stamps, coins = moments[rows][order], codes[rows][order]
    steps = np.diff(stamps)[coins[1:] == coins[:-1]]
    steps = steps[steps > 0]
    if not len(steps):
        return
    step = float(np.median(steps))
    if step < 20 * _HOUR:
        what, every = ("hourly bars" if step >= _HOUR else "bars of minutes"), f"{round(step / _MINUTE)} minutes"
    elif step > 1.5 * DAY and len(steps) > 1 and np.mean(np.abs(steps - step) <= step / 10) >= 0.8:
        what, every = ("weekly bars" if step == 7 * DAY else "bars of several days"), f"{round(step / DAY)} days"
    else:
        return
    although = ", although its name says daily" if _SAYS_DAILY.search(stem_of(name)) else ""
    raise UnreadableFileError(f"{name} holds {what} (a row every {every}){although}; only daily bars are history.")
