"""What time it is for the platform: the machine's time, or the simulated market's when that is the upstream."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], datetime]


def system_clock() -> datetime:
    return datetime.now(UTC)


def sandbox_clock(url: str) -> Clock:
    """A clock that asks the simulated market, so that both always agree."""
    import requests

    session = requests.Session()
    session.trust_env = False

    def now() -> datetime:
        answer = session.get(f"{url}/_sandbox/clock", timeout=10)
        answer.raise_for_status()
        return datetime.fromisoformat(answer.json()["now"])

    return now
