"""What time it is for the platform: the machine's time, or the simulated market's when that is the upstream."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], datetime]


class ClockError(Exception):
    """Nobody can say what time it is; the sentence says what to do."""


def system_clock() -> datetime:
    return datetime.now(UTC)


def sandbox_clock(url: str) -> Clock:
    """A clock that asks the simulated market, so that both always agree."""
    import requests

    session = requests.Session()
    session.trust_env = False

    def now() -> datetime:
        try:
            answer = session.get(f"{url}/_sandbox/clock", timeout=10)
            answer.raise_for_status()
        except requests.RequestException as error:
            raise ClockError(
                f"The simulated market at {url} does not answer ({type(error).__name__}); "
                "start it with `crypto-platform sandbox`, or leave CRYPTO_SANDBOX_URL unset."
            ) from error
        return datetime.fromisoformat(answer.json()["now"])

    return now
