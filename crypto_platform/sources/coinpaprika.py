"""CoinPaprika (v1): the tickers of all coins in one answer, the list of coins with their contracts, daily history."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import quote, urlsplit

import msgspec

from crypto_platform.sources.base import Ask, BarDate, RateBudget, Source
from crypto_platform.sources.errors import Absent, Permanent, RateLimited, Transient, UpstreamError
from crypto_platform.sources.http import Answer
from crypto_platform.sources.plans import budget_of, key_header, plan_of
from crypto_platform.sources.slices import NotJsonError, decode_json, object_slices

if TYPE_CHECKING:
    import pyarrow as pa

    from crypto_platform.settings import Settings

Plan = Literal["free", "paid"]

_PLANS: tuple[Plan, ...] = ("free", "paid")
_HOSTS: dict[Plan, str] = {"free": "https://api.coinpaprika.com", "paid": "https://api-pro.coinpaprika.com"}
_KEY_HEADERS: dict[Plan, str] = {"paid": "Authorization"}
_BUDGETS: dict[Plan, RateBudget] = {
    "free": RateBudget(per_minute=60, per_month=20_000),
    "paid": RateBudget(per_minute=600, per_month=None),
}

_FREE_HISTORY = timedelta(days=363)
"""The plan's year, counted back from any moment up to a day after the day a batch began on."""

_MOST_POINTS = 5_000
_HISTORICAL = "/historical"
_CONTRACTS = "/contracts/"
_CHAINS = {
    "eth-ethereum": "ethereum",
    "bnb-binance-coin": "binance-smart-chain",
    "bsc-binance-smart-chain": "binance-smart-chain",
    "matic-polygon": "polygon-pos",
    "sol-solana": "solana",
    "avax-avalanche": "avalanche",
    "base-base": "base",
    "arb-arbitrum": "arbitrum-one",
    "op-optimism": "optimistic-ethereum",
    "trx-tron": "tron",
}
"""The platforms that are asked for contracts, by CoinPaprika's id, and what CoinGecko calls them."""


@dataclass(frozen=True)
class CoinPaprika(Source):
    """All tickers in one answer, on the free plan the 2,000 largest; history by the coin, a year of it on that plan.

    Nobody can ask for fewer tickers, so the setting `top` means nothing here: the answer is kept whole. A point dated
    D is the close of D, and today's is today so far.
    """

    plan: Plan = "free"
    budget: RateBudget = field(default=_BUDGETS["free"], repr=False)

    name = "coinpaprika"
    day_of = BarDate.SAME_DAY
    base_path = "/v1"
    has_snapshots = True
    has_history = True
    has_coins = True

    @classmethod
    def from_settings(cls, settings: Settings) -> CoinPaprika:
        plan = plan_of(settings, cls.name, _PLANS, with_key="paid")
        return cls(plan, budget_of(settings, cls.name, _BUDGETS[plan]))

    @property
    def host(self) -> str:
        return _HOSTS[self.plan]

    def secrets(self, settings: Settings) -> dict[str, str]:
        return key_header(settings, self.name, self.plan, _KEY_HEADERS.get(self.plan), without_key="free")

    def snapshot(self, ask: Ask) -> Iterator[Answer]:
        yield ask(1, "/tickers", {"quotes": "USD"})

    def first_day(self, today: date) -> date | None:
        return None if self.plan == "paid" else today - _FREE_HISTORY

    def span(self, first_day: date, last_day: date, today: date) -> tuple[date, date]:  # noqa: ARG002
        """The last 5,000 of the days: there are no more points in one answer."""
        return max(first_day, last_day - timedelta(days=_MOST_POINTS - 1)), last_day

    def history(self, ask: Ask, page: int, source_asset_id: str, first_day: date, last_day: date) -> Answer:
        if not source_asset_id.strip("."):
            raise Permanent(f"{source_asset_id!r} is no id that CoinPaprika could be asked for; correct the crosswalk.")
        if (last_day - first_day).days >= _MOST_POINTS:
            raise Permanent(
                f"CoinPaprika gives no more than {_MOST_POINTS:,} days in one answer, "
                f"so {first_day} to {last_day} would come without its end; ask for fewer months at once."
            )
        params = {
            "start": first_day.isoformat(),
            "end": last_day.isoformat(),
            "interval": "1d",
            "limit": str(_MOST_POINTS),
            "quote": "usd",
        }
        return ask(page, f"/tickers/{quote(source_asset_id, safe='')}{_HISTORICAL}", params)

    def history_points(self, body: bytes) -> pa.Table:
        from crypto_platform.sources.coinpaprika_points import points_of

        try:
            return points_of(body)
        except NotJsonError as error:
            raise Transient(f"{self.name} gave something else than an array of points: {error}.") from None

    def coins(self, ask: Ask) -> Iterator[Answer]:
        """The list without contracts, then the contracts of one platform after the other."""
        yield ask(1, "/coins", {})
        for page, platform in enumerate(_CHAINS, start=2):
            yield ask(page, _CONTRACTS + platform, {})

    def coin_list(self, answers: Sequence[Answer]) -> pa.Table:
        """The list, with those contracts that CoinPaprika does not call inactive: these are often another coin's."""
        from crypto_platform.sources.coin_lists import Listed, known_as, objects_of, table_of_coins

        contracts: dict[str, list[str]] = {}
        listed: list[dict[str, Any]] = []
        for answer in answers:
            platform = _platform_of(answer)
            if platform is None:
                listed += objects_of(answer.body)
            elif answer.status == 200 and platform in _CHAINS:
                for contract in objects_of(answer.body):
                    if contract.get("active") is not False:
                        known = known_as({_CHAINS[platform]: contract.get("address")})
                        contracts.setdefault(str(contract.get("id")), []).extend(known)
        return table_of_coins(
            Listed(
                entry.get("id"),
                entry.get("symbol"),
                entry.get("name"),
                is_active=active if isinstance(active := entry.get("is_active"), bool) else None,
                known_as=contracts.get(str(entry.get("id")), []),
            )
            for entry in listed
        )

    def judge(self, answer: Answer) -> None:
        """A platform that is unknown or not in the plan has no contracts, and a coin that is unknown no history."""
        if answer.status in {402, 404} and _platform_of(answer):
            return
        words = self.complaint(answer.body)
        if answer.status == 404 and "id not found" in words.lower():
            if urlsplit(answer.url).path.endswith(_HISTORICAL):
                return
            raise Absent(self.sentence(answer))
        super().judge(answer)
        if words:
            raise _verdict(words)(self.sentence(answer, "put an error into its 200 answer"))
        try:
            object_slices(answer.body)
        except NotJsonError as error:
            what = "gave something else than a JSON array of objects in answer"
            raise Transient(f"{self.sentence(answer, what)} What is wrong: {error}.") from None

    def complaint(self, body: bytes) -> str:
        try:
            return str(decode_json(body, _AnyObject).error or "")
        except NotJsonError:
            return ""


class _AnyObject(msgspec.Struct):
    """What is no error is skipped."""

    error: Any = None


def _platform_of(answer: Answer) -> str | None:
    """The platform that an answer gives the contracts of."""
    _, contracts, platform = urlsplit(answer.url).path.rpartition(_CONTRACTS)
    return platform if contracts else None


def _verdict(words: str) -> type[UpstreamError]:
    """What an error inside a 200 means, which only its words tell."""
    if any(limit in words.lower() for limit in ("too many requests", "rate limit", "request limit")):
        return RateLimited
    return Permanent if "allowed in this plan" in words.lower() else Transient
