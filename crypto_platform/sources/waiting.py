"""How long a vendor asks to be left alone, read off an answer's headers. Deciding and sleeping are in `http`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

_SECONDS = re.compile(r"\d{1,15}(\.\d+)?")
_NO_MOMENT_BEFORE = 100_000_000.0
"""Smaller numbers in `x-ratelimit-reset` are seconds from now, larger ones moments since 1970."""


def asked_wait(headers: Mapping[str, str], now: datetime, *, rate_limited: bool) -> float | None:
    """Seconds from now until the vendor wants to be asked again; None where it does not say."""
    asked = [_retry_after(headers.get("retry-after", "").strip(), now)]
    if rate_limited:
        # Other answers carry this header too, but there it only says when the count starts anew.
        asked.append(_ratelimit_reset(headers.get("x-ratelimit-reset", "").strip(), now))
    waits = [wait for wait in asked if wait is not None and wait > 0]
    return max(waits, default=None)


def _retry_after(text: str, now: datetime) -> float | None:
    if _SECONDS.fullmatch(text):
        return float(text)
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    return _until(moment, now)


def _ratelimit_reset(text: str, now: datetime) -> float | None:
    if _SECONDS.fullmatch(text):
        number = float(text)
        if number < _NO_MOMENT_BEFORE:
            return number
        # Thirteen digits are milliseconds.
        return (number / 1_000 if number >= 1e12 else number) - now.timestamp()
    for shape in ("%Y-%m-%d %H:%M:%S %z", "%Y-%m-%dT%H:%M:%S%z"):
        try:
            return _until(datetime.strptime(text, shape), now)  # noqa: DTZ007 - both shapes hold the offset
        except ValueError:
            continue
    return None


def _until(moment: datetime, now: datetime) -> float:
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return (aware - now).total_seconds()
