"""The vendors' rate limits, for `--enforce-limits`: so many requests in any 60 real seconds."""

from __future__ import annotations

import threading
import time
from collections import defaultdict, deque
from collections.abc import Callable
from typing import Final

PER_MINUTE: Final = {
    ("coingecko", False): 30,
    ("coingecko", True): 500,
    ("coinpaprika", False): 600,
    ("coinpaprika", True): 1_200,
    ("yahoo", False): 360,
}
_WINDOW: Final = 60.0


class Limits:
    """Counts by real time: a frozen sandbox clock must not lock a client out for good."""

    def __init__(self, elapsed: Callable[[], float] = time.monotonic) -> None:
        self._elapsed = elapsed
        self._lock = threading.Lock()
        self._taken: defaultdict[tuple[str, bool], deque[float]] = defaultdict(deque)

    def wait(self, vendor: str, *, paid: bool) -> float:
        """Takes one request from the budget and gives 0, or the seconds until one is free again."""
        now = self._elapsed()
        with self._lock:
            taken = self._taken[vendor, paid]
            while taken and taken[0] <= now - _WINDOW:
                taken.popleft()
            if len(taken) < PER_MINUTE[vendor, paid]:
                taken.append(now)
                return 0.0
            return taken[0] + _WINDOW - now
