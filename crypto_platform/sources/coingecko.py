"""CoinGecko (v3): the market's first coins by market cap, the list of all coins, and the daily history of one.

How its arrays over time are read is in `coingecko_points`, its errors in `coingecko_errors`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from datetime import time as time_of_day
from typing import TYPE_CHECKING, Literal
from urllib.parse import quote, urlsplit

from crypto_platform.sources.base import Ask, BarDate, RateBudget, Source
from crypto_platform.sources.coingecko_errors import complaint_of, says_unknown, verdict_of
from crypto_platform.sources.errors import Absent, Permanent, Transient
from crypto_platform.sources.http import Answer
from crypto_platform.sources.plans import budget_of, key_header, plan_of
from crypto_platform.sources.slices import NotJsonError

if TYPE_CHECKING:
    import pyarrow as pa

    from crypto_platform.settings import Settings

Plan = Literal["keyless", "demo", "paid"]

_PLANS: tuple[Plan, ...] = ("keyless", "demo", "paid")
_PUBLIC = "https://api.coingecko.com"
_HOSTS: dict[Plan, str] = {"keyless": _PUBLIC, "demo": _PUBLIC, "paid": "https://pro-api.coingecko.com"}
_KEY_HEADERS: dict[Plan, str] = {"demo": "x-cg-demo-api-key", "paid": "x-cg-pro-api-key"}
_BUDGETS: dict[Plan, RateBudget] = {
    "keyless": RateBudget(per_minute=10, per_month=10_000),
    "demo": RateBudget(per_minute=30, per_month=10_000),
    "paid": RateBudget(per_minute=500, per_month=500_000),
}
_LARGEST_PAGE = 250
_CHART = "/market_chart"

_FREE_HISTORY = timedelta(days=364)
"""The plan's 365 days, counted back from any moment up to a day after the day a batch began on."""

_DAILY_SPAN = timedelta(days=92)
"""More than 90 days: a shorter range would be answered with hourly points."""

_ONE_DAY = timedelta(days=1)


@dataclass(frozen=True)
class CoinGecko(Source):
    """The `top` coins by market cap, up to 250 in one answer; history by the coin, a year of it unless it is paid for.

    A bar is stamped with the midnight that ends it. The last point of a range that reaches the present is the present
    one, whenever that is.
    """

    top: int = _LARGEST_PAGE
    plan: Plan = "keyless"
    budget: RateBudget = field(default=_BUDGETS["keyless"], repr=False)

    name = "coingecko"
    day_of = BarDate.PREVIOUS_DAY
    base_path = "/api/v3"
    has_snapshots = True
    has_history = True
    has_coins = True

    @classmethod
    def from_settings(cls, settings: Settings) -> CoinGecko:
        plan = plan_of(settings, cls.name, _PLANS, with_key="demo")
        top = settings.vendor(cls.name).top or _LARGEST_PAGE
        return cls(top, plan, budget_of(settings, cls.name, _BUDGETS[plan]))

    @property
    def host(self) -> str:
        return _HOSTS[self.plan]

    def secrets(self, settings: Settings) -> dict[str, str]:
        return key_header(settings, self.name, self.plan, _KEY_HEADERS.get(self.plan), without_key="keyless")

    def snapshot(self, ask: Ask) -> Iterator[Answer]:
        params = {
            "vs_currency": "usd",
            "order": "market_cap_desc",
            "per_page": str(min(self.top, _LARGEST_PAGE)),
            "price_change_percentage": "1h,24h,7d",
            "precision": "full",
        }
        page = coins = 0
        while coins < self.top:
            page += 1
            answer = ask(page, "/coins/markets", params | {"page": str(page)})
            yield answer
            came = len(self.snapshot_rows(answer.body))
            if not came:
                return
            coins += came

    def first_day(self, today: date) -> date | None:
        return None if self.plan == "paid" else today - _FREE_HISTORY

    def span(self, first_day: date, last_day: date, today: date) -> tuple[date, date]:
        """Wide enough for daily points, to the past where the plan lets it; days to come do not count."""
        first = min(first_day, min(last_day, today) - _DAILY_SPAN)
        earliest = self.first_day(today)
        if earliest is not None:
            first = max(first, earliest)
        return first, max(last_day, first + _DAILY_SPAN)

    def history(self, ask: Ask, page: int, source_asset_id: str, first_day: date, last_day: date) -> Answer:
        """One chart; the range begins earlier than asked for where it is too short for daily points."""
        if not source_asset_id.strip("."):
            raise Permanent(f"{source_asset_id!r} is no id that CoinGecko could be asked for; correct the crosswalk.")
        params = {
            "vs_currency": "usd",
            # A day's bar is stamped with the midnight after it.
            "from": str(_midnight(min(first_day, last_day - _DAILY_SPAN) + _ONE_DAY)),
            "to": str(_midnight(last_day + _ONE_DAY)),
            "precision": "full",
        }
        return ask(page, f"/coins/{quote(source_asset_id, safe='')}{_CHART}/range", params)

    def history_points(self, body: bytes) -> pa.Table:
        """The points of a chart, or of the candles of `/ohlc`."""
        from crypto_platform.sources.coingecko_points import candle_points

        return candle_points(body) if body.lstrip()[:1] == b"[" else self._chart_points(body)

    def _chart_points(self, body: bytes) -> pa.Table:
        from crypto_platform.sources.coingecko_points import chart_points

        try:
            return chart_points(body)
        except NotJsonError as error:
            raise Transient(f"{self.name} gave something else than a chart: {error}.") from None

    def coins(self, ask: Ask) -> Iterator[Answer]:
        yield ask(1, "/coins/list", {"include_platform": "true"})

    def coin_list(self, answers: Sequence[Answer]) -> pa.Table:
        """The coins with the contracts of their platforms; CoinGecko lists active coins only."""
        from crypto_platform.sources.coin_lists import Listed, known_as, objects_of, table_of_coins

        return table_of_coins(
            Listed(
                entry.get("id"),
                entry.get("symbol"),
                entry.get("name"),
                is_active=True,
                known_as=known_as(entry.get("platforms")),
            )
            for answer in answers
            for entry in objects_of(answer.body)
        )

    def judge(self, answer: Answer) -> None:
        is_history = urlsplit(answer.url).path.removesuffix("/range").endswith(_CHART)
        code, words = complaint_of(answer.body) if answer.status in {200, 404} else (None, "")
        if answer.status == 404 and says_unknown(words):
            if is_history:
                return
            raise Absent(self.sentence(answer))
        super().judge(answer)
        if code is not None or words:
            raise verdict_of(code, words)(self.sentence(answer, "put an error into its 200 answer"))
        try:
            if is_history:
                self._chart_points(answer.body)
            else:
                self.snapshot_rows(answer.body)
        except Transient as error:
            raise Transient(f"{error} It was asked for {answer.url}.") from None

    def complaint(self, body: bytes) -> str:
        code, words = complaint_of(body)
        return f"{words} (code {code})" if code is not None else words


def _midnight(day: date) -> int:
    return int(datetime.combine(day, time_of_day(), UTC).timestamp())
