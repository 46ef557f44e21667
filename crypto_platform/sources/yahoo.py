"""Yahoo's chart API (v8): one coin's daily bars over any range, by symbol. It gives no snapshots."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from datetime import time as time_of_day
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar
from urllib.parse import quote, unquote, urlsplit

import msgspec

from crypto_platform.sources.base import Ask, BarDate, RateBudget, Source
from crypto_platform.sources.errors import Permanent, Transient, UpstreamError, error_for
from crypto_platform.sources.http import Answer
from crypto_platform.sources.plans import budget_of
from crypto_platform.sources.slices import NotJsonError, WrongTypeError, decode_json
from crypto_platform.sources.transport import CurlTransport

if TYPE_CHECKING:
    import pyarrow as pa

    from crypto_platform.settings import Settings

_BUDGET = RateBudget(per_minute=120, per_month=None)
_CHART = "/v8/finance/chart/"
_NOT_LISTED_YET = "Data doesn't exist for startDate"
_COLUMNS = {
    "open_usd": "open",
    "high_usd": "high",
    "low_usd": "low",
    "close_usd": "close",
    "volume_usd": "volume",
}

Stamp = TypeVar("Stamp")
Value = TypeVar("Value")


class _Quote(msgspec.Struct, Generic[Value]):
    open: list[Value] | None = None
    high: list[Value] | None = None
    low: list[Value] | None = None
    close: list[Value] | None = None
    volume: list[Value] | None = None


class _Indicators(msgspec.Struct, Generic[Value]):
    quote: list[_Quote[Value] | None] | None = None


class _Result(msgspec.Struct, Generic[Stamp, Value]):
    timestamp: list[Stamp] | None = None
    indicators: _Indicators[Value] | None = None


class _Chart(msgspec.Struct, Generic[Stamp, Value]):
    result: list[_Result[Stamp, Value]] | None = None


class _Body(msgspec.Struct, Generic[Stamp, Value]):
    chart: _Chart[Stamp, Value]


class _About(msgspec.Struct):
    """What a chart says of itself; the arrays are skipped."""

    class Chart(msgspec.Struct):
        class Result(msgspec.Struct):
            class Meta(msgspec.Struct):
                symbol: Any = None
                currency: Any = None
                dataGranularity: Any = None  # noqa: N815 - the vendor's name

            meta: Meta | None = None

        class Error(msgspec.Struct):
            code: Any = None
            description: Any = None

        result: list[Result] | None = None
        error: Error | None = None

    chart: Chart


@dataclass(frozen=True)
class Yahoo(Source):
    """Daily bars stamped with the midnight that begins them; the live bar carries its own time."""

    budget: RateBudget = field(default=_BUDGET, repr=False)

    name = "yahoo"
    day_of = BarDate.SAME_DAY
    host = "https://query1.finance.yahoo.com"
    transport = CurlTransport
    headers: ClassVar[Mapping[str, str]] = {"Accept": "application/json"}
    has_history = True

    @classmethod
    def from_settings(cls, settings: Settings) -> Yahoo:
        return cls(budget_of(settings, cls.name, _BUDGET))

    def history(self, ask: Ask, page: int, source_asset_id: str, first_day: date, last_day: date) -> Answer:
        if not source_asset_id.strip("."):
            raise Permanent(f"{source_asset_id!r} is no symbol that Yahoo could be asked for; correct the crosswalk.")
        params = {
            "period1": str(_midnight(first_day)),
            # A bar that begins at period2 itself would be given too.
            "period2": str(_midnight(last_day + timedelta(days=1)) - 1),
            "interval": "1d",
            "events": "div,splits",
        }
        answer = ask(page, _CHART + quote(source_asset_id, safe=""), params)
        # Kept answers come back this way too, and wrong numbers are worse than none.
        about = self._refuse(answer, source_asset_id)
        return replace(answer, status=404) if about and _says_unknown(about) else answer

    def history_points(self, body: bytes) -> pa.Table:
        from crypto_platform.sources.points import FIRST_SECOND, LAST_SECOND, SCHEMA, table_of

        try:
            result = _only(decode_json(body, _Body[int, float | None]).chart.result)
        except WrongTypeError:
            return self._points_with_oddities(body)
        except NotJsonError as error:
            raise Transient(f"yahoo gave something else than a chart: {error}.") from None
        if result is None or result.timestamp is None:
            return SCHEMA.empty_table()
        stamps = result.timestamp
        columns = {name: getattr(_quote(result), vendor_name) or [] for name, vendor_name in _COLUMNS.items()}
        readable = not stamps or (min(stamps) >= FIRST_SECOND and max(stamps) <= LAST_SECOND)
        if not readable or any(len(column) > len(stamps) for column in columns.values()):
            return self._points_with_oddities(body)
        return table_of(stamps, columns)

    def _points_with_oddities(self, body: bytes) -> pa.Table:
        """The slow way, token by token, for a body in which something is not a number or null."""
        from crypto_platform.sources.points import SCHEMA, table_of_tokens

        try:
            result = _only(decode_json(body, _Body[msgspec.Raw, msgspec.Raw]).chart.result)
        except NotJsonError as error:
            raise Transient(f"yahoo gave something else than a chart: {error}.") from None
        if result is None or result.timestamp is None:
            return SCHEMA.empty_table()
        columns = {
            name: (vendor_name, [bytes(raw) for raw in getattr(_quote(result), vendor_name) or []])
            for name, vendor_name in _COLUMNS.items()
        }
        return table_of_tokens("timestamp", [bytes(raw) for raw in result.timestamp], columns)

    def judge(self, answer: Answer) -> None:
        self._refuse(answer, unquote(urlsplit(answer.url).path.rpartition("/")[2]))

    def _refuse(self, answer: Answer, symbol: str) -> _About.Chart | None:
        """Raises what is wrong; else what the answer says of itself."""
        about = _about(answer.body)
        if about and answer.status in {200, 400, 404} and (_says_unknown(about) or _says_not_listed(about)):
            return about
        super().judge(answer)
        if about is None:
            raise Transient(self.sentence(answer, "gave something else than a chart in answer"))
        if about.error is not None:
            raise _verdict(about.error)(self.sentence(answer, "put an error into its 200 answer"))
        if about.result is None or len(about.result) > 1:
            raise Transient(self.sentence(answer, "did not give exactly one chart in answer"))
        for result in about.result:
            self._refuse_other(result.meta or _About.Chart.Result.Meta(), symbol, answer)
        return about

    def _refuse_other(self, meta: _About.Chart.Result.Meta, symbol: str, answer: Answer) -> None:
        given = [
            ("symbol", meta.symbol, symbol),
            ("currency", meta.currency, "USD"),
            ("granularity", meta.dataGranularity or "1d", "1d"),
        ]
        for what, came, wanted in given:
            if came != wanted:
                raise Permanent(
                    self.sentence(answer, f"gave a chart whose {what} is {came!r} instead of {wanted!r} in answer")
                )

    def complaint(self, body: bytes) -> str:
        about = _about(body)
        if about and about.error:
            return f"{about.error.description or ''} ({about.error.code})"
        return ""


def _midnight(day: date) -> int:
    return int(datetime.combine(day, time_of_day(), UTC).timestamp())


def _about(body: bytes) -> _About.Chart | None:
    try:
        return decode_json(body, _About).chart
    except NotJsonError:
        return None


def _says_unknown(about: _About.Chart) -> bool:
    return about.error is not None and about.error.code == "Not Found" and not about.result


def _says_not_listed(about: _About.Chart) -> bool:
    """Yahoo's 400 for a range that ends before the coin's first bar."""
    return about.error is not None and not about.result and str(about.error.description).startswith(_NOT_LISTED_YET)


def _verdict(error: _About.Chart.Error) -> type[UpstreamError]:
    statuses = {"Too Many Requests": 429, "Unprocessable Entity": 422, "Bad Request": 400, "Unauthorized": 401}
    return error_for(statuses.get(str(error.code), 500)) or Transient


def _only(results: list[_Result[Stamp, Value]] | None) -> _Result[Stamp, Value] | None:
    if not results:
        return None
    if len(results) > 1:
        raise NotJsonError(f"it holds {len(results)} results")
    return results[0]


def _quote(result: _Result[Stamp, Value]) -> _Quote[Value]:
    quotes = (result.indicators.quote if result.indicators else None) or [None]
    if len(quotes) > 1:
        raise NotJsonError(f"it holds {len(quotes)} quotes")
    return quotes[0] or _Quote()
