"""CoinGecko's API (v3): keys, errors, the list of coins and the routes. Market pages and histories have own files."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from crypto_platform.sandbox.answers import Answer, Request, answer_json, iso_millis
from crypto_platform.sandbox.coingecko_history import chart
from crypto_platform.sandbox.coingecko_markets import MarketPages
from crypto_platform.sandbox.coins import Coin
from crypto_platform.sandbox.market import Market
from crypto_platform.sandbox.traps import DAY, VANISHES

_PRICING: Final = "https://www.coingecko.com/en/api/pricing"
_FREE_DAYS: Final = 365


class CoinGecko:
    name = "coingecko"

    def __init__(self, market: Market) -> None:
        self._market = market
        self._by_id = {coin.coingecko: coin for coin in market.coins}
        self._pages = MarketPages(market)

    def answer(self, request: Request) -> Answer:
        return _refused_key(request) or self._routed(request)

    def _routed(self, request: Request) -> Answer:
        match request.path.strip("/").split("/"):
            case ["ping"]:
                return answer_json({"gecko_says": "(V3) To the Moon!"})
            case ["coins", "markets"]:
                return self._priced_in_usd(request, self._pages.page)
            case ["coins", "list"]:
                return self._list(request)
            case ["coins", coin, "market_chart"]:
                return self._priced_in_usd(request, lambda asked: self._days(coin, asked))
            case ["coins", coin, "market_chart", "range"]:
                return self._priced_in_usd(request, lambda asked: self._range(coin, asked))
            case _:
                return answer_json({"error": "Incorrect path. Please check https://docs.coingecko.com/"}, 404)

    def failure(self, status: int) -> Answer:
        if status == 429:
            message = (
                f"You've exceeded the Rate Limit. Please visit {_PRICING} "
                "to subscribe to our API plans for higher rate limits."
            )
            return _status_error(429, 429, message)
        if status == 500:
            return answer_json({"status": 500, "error": "Internal Server Error"}, 500)
        return Answer(status, b"<html><body><h1>503 Service Temporarily Unavailable</h1></body></html>", "text/html")

    def _priced_in_usd(self, request: Request, answer: Callable[[Request], Answer]) -> Answer:
        currency = request.query.get("vs_currency")
        if not currency:
            return answer_json({"error": "Missing parameter vs_currency"}, 422)
        if currency.lower() != "usd":
            return answer_json({"error": "invalid vs_currency"}, 400)
        return answer(request)

    def _list(self, request: Request) -> Answer:
        with_platforms = request.query.get("include_platform", "false").lower() == "true"
        rows = [
            {"id": coin.coingecko, "symbol": coin.symbol, "name": coin.name}
            | ({"platforms": coin.chains} if with_platforms else {})
            for coin in self._market.coins
            if self._exists(coin, request.now)
        ]
        return answer_json(sorted(rows, key=lambda row: str(row["id"])))

    def _exists(self, coin: Coin, now: float) -> bool:
        return not (self._market.traps["vanished"] == coin.index and now >= VANISHES) and coin.known_at <= now

    def _range(self, coin_id: str, request: Request) -> Answer:
        if "from" not in request.query or "to" not in request.query:
            missing = "from" if "from" not in request.query else "to"
            return answer_json({"error": f"Missing parameter {missing}"}, 422)
        return self._chart(coin_id, request.number("from", 0), request.number("to", 0), request)

    def _days(self, coin_id: str, request: Request) -> Answer:
        if "days" not in request.query:
            return answer_json({"error": "Missing parameter days"}, 422)
        days = request.number("days", 100_000)
        return self._chart(coin_id, int(request.now) - days * DAY, int(request.now), request)

    def _chart(self, coin_id: str, since: int, until: int, request: Request) -> Answer:
        coin = self._by_id.get(coin_id)
        if coin is None or not self._exists(coin, request.now):
            return answer_json({"error": "Could not find coin with the given id"}, 404)
        # A day of grace: clients count the 365 days back from a midnight.
        if not request.paid and since < request.now - (_FREE_DAYS + 1) * DAY:
            return _too_far_back(request.now)
        daily = request.query.get("interval") == "daily"
        return answer_json(chart(self._market, coin, since, until, request.now, daily=daily))


def _refused_key(request: Request) -> Answer | None:
    demo = request.headers.get("x-cg-demo-api-key") or request.query.get("x_cg_demo_api_key")
    pro = request.headers.get("x-cg-pro-api-key") or request.query.get("x_cg_pro_api_key")
    if request.paid and demo:
        return _wrong_host(10_011, "Demo", "pro-api.coingecko.com", "api.coingecko.com")
    if not request.paid and pro:
        return _wrong_host(10_010, "Pro", "api.coingecko.com", "pro-api.coingecko.com")
    if request.paid and not pro:
        return _status_error(401, 10_002, f"API Key Missing. Please visit {_PRICING} to get a key.")
    return None


def _wrong_host(code: int, plan: str, this: str, other: str) -> Answer:
    text = f"If you are using {plan} API key, please change your root URL from {this} to {other}"
    return _status_error(400, code, text)


def _status_error(status: int, code: int, message: str) -> Answer:
    return answer_json({"status": {"error_code": code, "error_message": message}}, status)


def _too_far_back(now: float) -> Answer:
    message = (
        "Your request exceeds the allowed time range. Public API users are limited to querying historical data within "
        f"the past {_FREE_DAYS} days. Upgrade to a paid plan to enjoy full historical data access: {_PRICING}. "
    )
    stamp = iso_millis(now).replace("Z", "+00:00")
    return answer_json({"error": {"status": {"timestamp": stamp, "error_code": 10_012, "error_message": message}}}, 401)
