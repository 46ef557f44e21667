"""The sandbox's clock: the real one, or one that lags behind it. It never runs ahead."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime

_EARLIEST = datetime(2013, 1, 1, tzinfo=UTC).timestamp()


class ClockError(Exception):
    """A clock setting that cannot be; the message is one sentence."""


def parse_moment(text: str) -> float:
    """An ISO date or time as unix seconds; without an offset it is UTC."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ClockError(f"{text!r} is not an ISO time such as 2026-03-01T12:00:00Z.") from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


class Clock:
    """Tells the sandbox's time; threads may share it."""

    def __init__(self, real: Callable[[], float] = time.time) -> None:
        self._real = real
        self._lock = threading.Lock()
        self._behind = 0.0
        self._frozen_at: float | None = None

    def now(self) -> float:
        with self._lock:
            return self._now()

    def set(self, moment: float, *, frozen: bool = False) -> None:
        """Sets the clock, which then runs on from there, or stands still."""
        with self._lock:
            self._set(moment, frozen=frozen)

    def advance(self, seconds: float, *, frozen: bool | None = None) -> None:
        """Moves the clock on; unless told otherwise, a frozen clock stays frozen."""
        with self._lock:
            stays = self._frozen_at is not None if frozen is None else frozen
            self._set(self._now() + seconds, frozen=stays)

    def follow_real(self) -> None:
        with self._lock:
            self._behind, self._frozen_at = 0.0, None

    def _now(self) -> float:
        return self._real() - self._behind if self._frozen_at is None else self._frozen_at

    def _set(self, moment: float, *, frozen: bool) -> None:
        real = self._real()
        if not moment >= _EARLIEST:
            raise ClockError(f"The sandbox's clock cannot be set to {_text(moment)}: its market begins in 2013.")
        if moment > real:
            raise ClockError(
                f"The sandbox's clock cannot be set to {_text(moment)}: the real time is {_text(real)}, "
                "and it never runs ahead of that."
            )
        self._behind = real - moment
        self._frozen_at = moment if frozen else None


def _text(moment: float) -> str:
    try:
        return datetime.fromtimestamp(moment, UTC).isoformat(timespec="seconds")
    except (ValueError, OverflowError, OSError):
        return f"{moment:g} seconds after 1970"
