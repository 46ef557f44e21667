"""The sandbox's own routes under `/_sandbox`: clock, faults, request counts, the truth about identities."""

from __future__ import annotations

import csv
import io
import threading
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime

import msgspec

from crypto_platform.sandbox.answers import Answer, answer_json
from crypto_platform.sandbox.clock import Clock, ClockError, parse_moment
from crypto_platform.sandbox.coins import CROSSWALKED, Coin
from crypto_platform.sandbox.faults import FaultError, Faults, read_plan


class RequestLog:
    """How often what was asked and answered; threads share it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: Counter[tuple[str, str, str]] = Counter()

    def add(self, vendor: str, path: str, outcome: str) -> None:
        with self._lock:
            self._counts[vendor, path, outcome] += 1

    def clear(self) -> None:
        with self._lock:
            self._counts.clear()

    def counts(self) -> list[dict[str, str | int]]:
        """`status` is the HTTP status, or the kind of a fault that never got one."""
        with self._lock:
            rows = sorted(self._counts.items())
        return [
            {"vendor": vendor, "path": path, "status": outcome, "count": count}
            for (vendor, path, outcome), count in rows
        ]


class _ClockChange(msgspec.Struct, forbid_unknown_fields=True):
    now: str | None = None
    advance_seconds: float | None = None
    frozen: bool | None = None
    real: bool = False


class Control:
    def __init__(self, clock: Clock, faults: Faults, log: RequestLog, coins: list[Coin]) -> None:
        self._clock = clock
        self._faults = faults
        self._log = log
        self._coins = coins
        self._routes: dict[tuple[str, str], Callable[[bytes], Answer]] = {
            ("GET", "/clock"): lambda _: self._clock_answer(),
            ("PUT", "/clock"): self._change_clock,
            ("GET", "/faults"): lambda _: answer_json(self._faults.plan),
            ("PUT", "/faults"): self._change_faults,
            ("GET", "/requests"): lambda _: self._requests_answer(),
            ("DELETE", "/requests"): self._forget_requests,
            ("GET", "/crosswalk"): lambda _: self._crosswalk(),
        }

    def answer(self, method: str, path: str, body: bytes) -> Answer:
        route = self._routes.get((method, path))
        if route is None:
            known = ", ".join(f"{verb} /_sandbox{tail}" for verb, tail in self._routes)
            return answer_json({"error": f"There is no {method} /_sandbox{path}; there are {known}."}, 404)
        try:
            return route(body)
        except (ClockError, FaultError) as error:
            return answer_json({"error": str(error)}, 400)
        except msgspec.MsgspecError as error:
            return answer_json({"error": f"The request's body is not usable: {error}."}, 400)

    def _clock_answer(self) -> Answer:
        return answer_json({"now": datetime.fromtimestamp(self._clock.now(), UTC).isoformat().replace("+00:00", "Z")})

    def _change_clock(self, body: bytes) -> Answer:
        change = msgspec.json.decode(body, type=_ClockChange)
        if change.real:
            self._clock.follow_real()
        elif change.now is not None:
            self._clock.set(parse_moment(change.now), frozen=bool(change.frozen))
        elif change.advance_seconds is not None:
            self._clock.advance(change.advance_seconds, frozen=change.frozen)
        elif change.frozen is not None:
            self._clock.set(self._clock.now(), frozen=change.frozen)
        else:
            raise ClockError("Say what the clock should do: now, advance_seconds, frozen or real.")
        return self._clock_answer()

    def _change_faults(self, body: bytes) -> Answer:
        self._faults.use(read_plan(body))
        return answer_json(self._faults.plan)

    def _requests_answer(self) -> Answer:
        counts = self._log.counts()
        return answer_json({"total": sum(int(row["count"]) for row in counts), "requests": counts})

    def _forget_requests(self, _: bytes) -> Answer:
        self._log.clear()
        return self._requests_answer()

    def _crosswalk(self) -> Answer:
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(["asset_id", "symbol", "name", "coingecko", "coinpaprika", "yahoo"])
        for coin in self._coins[:CROSSWALKED]:
            known = [coin.coinpaprika or "", coin.yahoo or ""]
            writer.writerow([coin.coingecko, coin.symbol, coin.name, coin.coingecko, *known])
        return Answer(200, text.getvalue().encode(), "text/csv; charset=utf-8")
