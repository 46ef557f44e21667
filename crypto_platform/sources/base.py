"""What every source is: what to ask, how to judge an answer, how to cut it into rows. No vendor is named here."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import Enum
from http import HTTPStatus
from typing import TYPE_CHECKING, ClassVar, Self

from crypto_platform.sources.errors import Permanent, Transient, error_for
from crypto_platform.sources.http import Answer, Http, OnRefused, Permit, RetryPolicy, always
from crypto_platform.sources.slices import NotJsonError, array_slices
from crypto_platform.sources.transport import CurlTransport, RequestsTransport

if TYPE_CHECKING:
    import pyarrow as pa

    from crypto_platform.settings import Settings

USER_AGENT = "crypto-platform"

Ask = Callable[[int, str, Mapping[str, str]], Answer]
"""Page number within the batch, path, parameters. It may answer from what was kept earlier."""


class BarDate(Enum):
    """Which day a daily point is about when it is stamped 00:00 UTC."""

    SAME_DAY = "same_day"
    """The day that begins at the stamp."""
    PREVIOUS_DAY = "previous_day"
    """The day that ends at the stamp."""


@dataclass(frozen=True)
class RateBudget:
    """How often a vendor lets itself be asked; None where it does not say."""

    per_minute: int | None
    per_month: int | None


class Source(ABC):
    """One vendor. Pure but for `http`: the same answers give the same rows."""

    name: ClassVar[str]
    day_of: ClassVar[BarDate] = BarDate.SAME_DAY
    base_path: ClassVar[str] = ""
    """What of the base URL comes after the host; the simulated market answers under the same."""
    transport: ClassVar[type[RequestsTransport] | type[CurlTransport]] = RequestsTransport
    """How bytes travel."""
    headers: ClassVar[Mapping[str, str]] = {"Accept": "application/json", "User-Agent": USER_AGENT}
    has_snapshots: ClassVar[bool] = False
    has_history: ClassVar[bool] = False
    has_coins: ClassVar[bool] = False
    from_files: ClassVar[bool] = False
    """Its rows come from dropped files; nobody is asked."""

    @classmethod
    @abstractmethod
    def from_settings(cls, settings: Settings) -> Self: ...

    @property
    @abstractmethod
    def budget(self) -> RateBudget:
        """How often the vendor may be asked, on the plan that the settings say."""

    @property
    def host(self) -> str:
        """Where the vendor lives, on the plan that the settings say."""
        raise Permanent(f"{self.name} is nobody who could be asked.")

    def secrets(self, settings: Settings) -> dict[str, str]:  # noqa: ARG002
        """The headers that carry a key, where the plan has one; their values are kept out of all that is told."""
        return {}

    def http(
        self,
        settings: Settings,
        clock: Callable[[], datetime],
        on_refused: OnRefused,
        permit: Permit = always,
        sleep: Callable[[float], None] = time.sleep,
    ) -> Http:
        """The client that asks this vendor and judges its answers."""
        base_url = settings.vendor(self.name).url or self.host + self.base_path
        return Http(
            self.name,
            base_url,
            transport=self.transport(base_url),
            policy=RetryPolicy.from_settings(settings),
            judge=self.judge,
            clock=clock,
            on_refused=on_refused,
            permit=permit,
            sleep=sleep,
            headers=self.headers,
            secrets=self.secrets(settings),
        )

    def snapshot(self, ask: Ask) -> Iterator[Answer]:  # noqa: ARG002
        """The market as it is now: every answer, in the order of its pages from 1."""
        raise Permanent(f"{self.name} gives no snapshots of the market; take them from another source.")

    def snapshot_rows(self, body: bytes) -> list[bytes]:
        """One exact slice per element of the answer, whatever the element is."""
        try:
            return array_slices(body)
        except NotJsonError as error:
            raise Transient(f"{self.name} gave something else than a JSON array of coins: {error}.") from None

    def first_day(self, today: date) -> date | None:  # noqa: ARG002
        """The earliest day of history that the plan serves; None where there is no limit."""
        return None

    def span(self, first_day: date, last_day: date, today: date) -> tuple[date, date]:  # noqa: ARG002
        """The days that a request for these days brings: some vendors give daily points only for longer spans."""
        return first_day, last_day

    def history(
        self,
        ask: Ask,  # noqa: ARG002
        page: int,  # noqa: ARG002
        source_asset_id: str,  # noqa: ARG002
        first_day: date,  # noqa: ARG002
        last_day: date,  # noqa: ARG002
    ) -> Answer:
        """One request for one coin and any range, both days included; status 404 means the coin is unknown."""
        raise Permanent(f"{self.name} gives no history; take it from another source.")

    def history_points(self, body: bytes) -> pa.Table:  # noqa: ARG002
        """Every point of an answer, in the columns of `points.SCHEMA`."""
        raise Permanent(f"{self.name} gives no history; take it from another source.")

    def coins(self, ask: Ask) -> Iterator[Answer]:  # noqa: ARG002
        """The vendor's list of coins: every answer, in the order of its pages from 1."""
        raise Permanent(f"{self.name} gives no list of coins.")

    def coin_list(self, answers: Sequence[Answer]) -> pa.Table:  # noqa: ARG002
        """The coins of a whole list, each id once, in the columns of `coin_lists.SCHEMA`."""
        raise Permanent(f"{self.name} gives no list of coins.")

    def judge(self, answer: Answer) -> None:
        """Raises what is wrong with an answer; by its status, until a vendor knows better."""
        error = error_for(answer.status)
        if error:
            raise error(self.sentence(answer))

    @abstractmethod
    def complaint(self, body: bytes) -> str:
        """The vendor's own words in an error body; empty where it says nothing readable."""

    def sentence(self, answer: Answer, what: str | None = None) -> str:
        """What came instead, from where, and in the vendor's own words."""
        if what is None:
            what = f"answered {answer.status} {_phrase(answer.status)}".rstrip()
        words = " ".join(self.complaint(answer.body).split())[:500].rstrip(". ")
        if 300 <= answer.status < 400:
            words = f"redirects are not followed; the right URL may be {answer.headers.get('location', 'missing')}"
        return f"{self.name} {what} to {answer.url}" + (f": {words}." if words else ".")


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""
