"""CSV files that people drop: a source that nobody is asked for. How they are read is in `files`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from crypto_platform.sources.base import BarDate, RateBudget, Source
from crypto_platform.sources.errors import Permanent

if TYPE_CHECKING:
    from crypto_platform.settings import Settings


@dataclass(frozen=True)
class Csv(Source):
    """Snapshots, daily history and coins as files tell them; the reader has moved every bar to its own day."""

    name = "csv"
    budget = RateBudget(per_minute=None, per_month=None)
    day_of = BarDate.SAME_DAY
    has_snapshots = True
    has_history = True
    has_coins = True
    from_files = True

    @classmethod
    def from_settings(cls, settings: Settings) -> Csv:  # noqa: ARG003 - nothing to choose
        return cls()

    @property
    def host(self) -> str:
        raise Permanent("csv is read from files that are dropped, and nobody is asked; put the file into drop/.")

    def complaint(self, body: bytes) -> str:  # noqa: ARG002 - nobody answers
        return ""
