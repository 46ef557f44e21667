"""CoinGecko (v3): the market's first coins by market cap, page by page. Its history is not read yet."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

from crypto_platform.sources.base import USER_AGENT, Ask, BarDate, RateBudget, Source
from crypto_platform.sources.errors import (
    Absent,
    Permanent,
    RateLimited,
    Transient,
    UpstreamError,
    error_for,
)
from crypto_platform.sources.http import Answer, Http, OnRefused, RetryPolicy
from crypto_platform.sources.slices import NotJsonError, decode_json
from crypto_platform.sources.transport import RequestsTransport

if TYPE_CHECKING:
    from crypto_platform.settings import Settings

Plan = Literal["keyless", "demo", "paid"]

_PUBLIC = "https://api.coingecko.com/api/v3"
_HOSTS: dict[Plan, str] = {"keyless": _PUBLIC, "demo": _PUBLIC, "paid": "https://pro-api.coingecko.com/api/v3"}
_KEY_HEADERS: dict[Plan, str] = {"demo": "x-cg-demo-api-key", "paid": "x-cg-pro-api-key"}
_LARGEST_PAGE = 250


@dataclass(frozen=True)
class CoinGecko(Source):
    """The `top` coins by market cap, up to 250 in one answer."""

    top: int

    name = "coingecko"
    budget = RateBudget(per_minute=30, per_month=10_000)
    day_of = BarDate.PREVIOUS_DAY
    has_snapshots = True

    @classmethod
    def from_settings(cls, settings: Settings) -> CoinGecko:
        return cls(top=settings.coingecko_top)

    def http(
        self,
        settings: Settings,
        clock: Callable[[], datetime],
        on_refused: OnRefused,
        sleep: Callable[[float], None] = time.sleep,
    ) -> Http:
        key = settings.coingecko_api_key.get_secret_value().strip() if settings.coingecko_api_key else ""
        plan: Plan = settings.coingecko_plan or ("demo" if key else "keyless")
        base_url = settings.coingecko_url or _HOSTS[plan]
        return Http(
            self.name,
            base_url,
            transport=RequestsTransport(base_url),
            policy=RetryPolicy.from_settings(settings),
            judge=self.judge,
            clock=clock,
            on_refused=on_refused,
            sleep=sleep,
            headers={"Accept": "application/json", "User-Agent": USER_AGENT},
            secrets=_key_header(plan, key),
        )

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

    def judge(self, answer: Answer) -> None:
        code, words = _complaint(answer.body) if answer.status in {200, 404} else (None, "")
        if answer.status == 404 and ("could not find coin" in words.lower() or "coin not found" in words.lower()):
            raise Absent(self.sentence(answer))
        super().judge(answer)
        if code is not None or words:
            raise _verdict(code, words)(self.sentence(answer, "put an error into its 200 answer"))
        try:
            self.snapshot_rows(answer.body)
        except Transient as error:
            raise Transient(f"{error} It was asked for {answer.url}.") from None

    def complaint(self, body: bytes) -> str:
        code, words = _complaint(body)
        return f"{words} (code {code})" if code is not None else words


def _key_header(plan: Plan, key: str) -> dict[str, str]:
    if plan == "keyless":
        return {}
    if not key:
        raise Permanent(f"CoinGecko's {plan} plan needs a key; set CRYPTO_COINGECKO_API_KEY, or the plan to keyless.")
    if not (key.isascii() and key.isprintable()):
        raise Permanent("CRYPTO_COINGECKO_API_KEY holds characters that no key has; copy it again.")
    return {_KEY_HEADERS[plan]: key}


def _complaint(body: bytes) -> tuple[int | None, str]:
    """The code and the words of any of the three shapes in which errors come."""
    if body.lstrip()[:1] != b"{":
        return None, ""
    try:
        content: dict[str, Any] = decode_json(body, dict[str, Any])
    except NotJsonError:
        return None, ""
    error = content.get("error")
    status = error.get("status") if isinstance(error, dict) else content.get("status")
    if isinstance(status, dict):
        code = status.get("error_code")
        return (code if isinstance(code, int) else None), str(status.get("error_message") or "")
    return None, str(error or "")


def _verdict(code: int | None, words: str) -> type[UpstreamError]:
    """What an error inside a 200 means: its code where that is a status, else its words; CoinGecko's own codes last."""
    if code is not None and 400 <= code < 600:
        return error_for(code) or Transient
    if "rate limit" in words.lower() or "throttled" in words.lower():
        return RateLimited
    return Permanent if code is not None and code >= 10_000 else Transient
