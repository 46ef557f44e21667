"""Yahoo: what is asked for a coin's history, that no point of an answer is lost, and that no other chart slips in."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crypto_platform.sources.base import BarDate
from crypto_platform.sources.errors import Permanent, RateLimited, Transient, UpstreamError
from crypto_platform.sources.http import Answer
from crypto_platform.sources.points import SCHEMA
from crypto_platform.sources.yahoo import Yahoo
from crypto_platform.tables import RAW_HISTORY

SOURCE = Yahoo()
NAMES = {"open": "open_usd", "high": "high_usd", "low": "low_usd", "close": "close_usd", "volume": "volume_usd"}
META = {"symbol": "BTC-USD", "currency": "USD", "dataGranularity": "1d"}
UNKNOWN = b'{"chart":{"result":null,"error":{"code":"Not Found","description":"No data found"}}}'
NO_RESULT = b'{"chart":{"result":[],"error":null}}'
TOO_EARLY = (
    b'{"chart":{"result":null,"error":{"code":"Bad Request",'
    b'"description":"Data doesn\'t exist for startDate = 1, endDate = 2"}}}'
)


def chart(timestamp: str | None, meta: Mapping[str, object] = META, **columns: str) -> bytes:
    """A body as Yahoo writes it; arrays are given as JSON text."""
    quote = ",".join(f'"{name}":{text}' for name, text in columns.items())
    stamps = f'"timestamp":{timestamp},' if timestamp is not None else ""
    result = f'{{"meta":{json.dumps(meta)},{stamps}"indicators":{{"quote":[{{{quote}}}]}}}}'
    return f'{{"chart":{{"result":[{result}],"error":null}}}}'.encode()


def answer(body: bytes, status: int = 200, symbol: str = "BTC-USD") -> Answer:
    url = f"https://vendor.test/v8/finance/chart/{symbol}?period1=1"
    return Answer(url, status, {}, body, datetime(2026, 3, 9, tzinfo=UTC))


def points(body: bytes) -> list[dict[str, Any]]:
    table = SOURCE.history_points(body)
    assert table.schema == SCHEMA
    rows: list[dict[str, Any]] = table.to_pylist()
    assert [row["position"] for row in rows] == list(range(len(rows)))
    return rows


def test_points_have_the_columns_that_raw_history_lands() -> None:
    landed = RAW_HISTORY.arrow_schema
    assert all(landed.field(field.name).type == field.type for field in SCHEMA)
    assert set(landed.names) - set(SCHEMA.names) == {"source", "source_asset_id", "batch_id", "page", "fetched_at"}


def test_a_day_is_a_point_and_an_empty_day_a_point_of_nulls() -> None:
    rows = points(chart("[1577836800,1577923260]", open="[7194.89,null]", close="[7200.17,null]", volume="[0,null]"))
    first = [0, datetime(2020, 1, 1, tzinfo=UTC), 7194.89, None, None, 7200.17, 0.0, None, None, None]
    assert list(rows[0].values()) == first
    assert rows[1]["observed_at"] == datetime(2020, 1, 2, 0, 1, tzinfo=UTC)
    assert {rows[1][name] for name in [*NAMES.values(), "payload"]} == {None}


@pytest.mark.parametrize("odd", ['"7200.17"', "true", '"NaN"', "1e400", "-1e400", '{"raw":1.10}', "[1.0]", '""'])
def test_a_value_that_is_no_number_is_null_and_kept_as_it_came(odd: str) -> None:
    first, second = points(chart("[86400,172800]", open="[1.10,2]", close=f"[{odd},3.50]"))
    assert (first["open_usd"], first["close_usd"]) == (1.1, None)
    assert first["payload"] == f'{{"timestamp":86400,"open":1.10,"close":{odd}}}'
    assert (second["close_usd"], second["payload"]) == (3.5, None)


@pytest.mark.parametrize("odd", ["null", '"86400"', "false", "1e400", "9" * 30, "-1e15", "1577836800000000", "{}"])
def test_a_point_whose_time_cannot_be_read_is_kept_with_its_text(odd: str) -> None:
    first, second = points(chart(f"[{odd},86400]", close="[1.10,2]"))
    assert (first["observed_at"], first["close_usd"]) == (None, 1.1)
    assert first["payload"] == f'{{"timestamp":{odd},"close":1.10}}'
    assert (second["observed_at"], second["payload"]) == (datetime(1970, 1, 2, tzinfo=UTC), None)


def test_fractions_of_a_second_are_kept() -> None:
    (row,) = points(chart("[86400.25]", close="[1]"))
    assert row["observed_at"] == datetime(1970, 1, 2, 0, 0, 0, 250_000, tzinfo=UTC)
    assert row["payload"] is None


def test_arrays_of_different_lengths_are_filled_up_and_nothing_is_cut_off() -> None:
    first, second, third = points(chart("[86400,172800]", open="[1]", close="[1,2,3]", volume="null"))
    assert (first["payload"], second["open_usd"], second["close_usd"], second["payload"]) == (None, None, 2.0, None)
    assert (third["observed_at"], third["close_usd"], third["payload"]) == (None, 3.0, '{"close":3}')


def test_a_day_given_twice_is_two_points() -> None:
    rows = points(chart("[86400,86400]", close="[1,1]"))
    assert [row["position"] for row in rows] == [0, 1]


@pytest.mark.parametrize(
    "body",
    [chart(None, close="[75.08]"), chart(None), chart("null"), chart("[]"), UNKNOWN, TOO_EARLY, NO_RESULT],
)
def test_an_answer_without_times_has_no_points(body: bytes) -> None:
    assert points(body) == []


@pytest.mark.parametrize(
    "body",
    [
        *(b"", b"Too Many Requests", b"[]", b'{"finance":{}}', b'{"chart":{"result":"none"}}'),
        chart("[86400]", close='{"0":1}'),
        chart("[86400]", close="[NaN]"),
        chart("[86400]", close="[1]")[:-5],
        chart("[86400]", close='["\xff"]').decode().encode("latin-1"),
        chart("[" * 100_000),
    ],
)
def test_what_is_no_chart_is_a_broken_answer(body: bytes) -> None:
    with pytest.raises(Transient):
        SOURCE.history_points(body)


spellings = st.one_of(
    st.just("null"),
    st.integers().map(str),
    st.floats(allow_nan=False, allow_infinity=False).map(json.dumps),
    st.sampled_from(["1.10", "1e400", "true", '"1"', '"\\ud800"', '"\\u0000"', "[]", '{"a":[1.0]}', "1E+3", "-0.0"]),
)
arrays = st.lists(spellings, max_size=6)


@given(arrays, st.dictionaries(st.sampled_from(list(NAMES)), arrays))
def test_no_point_is_lost_whatever_the_arrays_hold(stamps: list[str], columns: dict[str, list[str]]) -> None:
    rows = points(chart(f"[{','.join(stamps)}]", **{name: f"[{','.join(column)}]" for name, column in columns.items()}))
    assert len(rows) == max(len(stamps), *map(len, columns.values()), 0)
    for position, row in enumerate(rows):
        for vendor_name, name in NAMES.items():
            column = columns.get(vendor_name, [])
            text = column[position] if position < len(column) else "null"
            if row[name] is not None:
                assert row[name] == float(text)
            elif text != "null":
                assert f'"{vendor_name}":' in row["payload"]
        assert row["payload"] is None or isinstance(json.loads(row["payload"]), dict)
        assert row["observed_at"] is not None or row["payload"] is not None


numbers = st.none() | st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(2**70), 2**70)


@given(st.lists(st.tuples(st.integers(-(2**31), 2**33), numbers, numbers), max_size=8))
def test_the_quick_and_the_careful_way_read_the_same(bars: list[tuple[int, float | None, float | None]]) -> None:
    stamps, closes, volumes = ([bar[part] for bar in bars] for part in range(3))
    plain = chart(json.dumps(stamps), close=json.dumps(closes), volume=json.dumps(volumes))
    odd = chart(json.dumps([*stamps, 0]), close=json.dumps([*closes, "odd"]), volume=json.dumps([*volumes, None]))
    quick, careful = SOURCE.history_points(plain), SOURCE.history_points(odd)
    assert careful.slice(0, len(bars)).equals(quick)


class Asked:
    def __init__(self, given: Answer) -> None:
        self.given = given
        self.questions: list[tuple[int, str, Mapping[str, str]]] = []

    def __call__(self, page: int, path: str, params: Mapping[str, str]) -> Answer:
        self.questions.append((page, path, params))
        return self.given


def history(given: Answer, symbol: str = "BTC-USD") -> tuple[Answer, Asked]:
    ask = Asked(given)
    return SOURCE.history(ask, 7, symbol, date(2013, 1, 1), date(2024, 2, 29)), ask


def test_one_question_covers_any_range_up_to_the_last_second_of_its_last_day() -> None:
    _, ask = history(answer(chart("[86400]", close="[1]")))
    params = {"period1": "1356998400", "period2": "1709251199", "interval": "1d", "events": "div,splits"}
    assert ask.questions == [(7, "/v8/finance/chart/BTC-USD", params)]


def test_a_symbol_is_quoted_in_the_path() -> None:
    meta = META | {"symbol": "A/B C?-USD"}
    _, ask = history(answer(chart(None, meta), symbol="A%2FB%20C%3F-USD"), "A/B C?-USD")
    assert ask.questions[0][1] == "/v8/finance/chart/A%2FB%20C%3F-USD"
    SOURCE.judge(answer(chart(None, meta), symbol="A%2FB%20C%3F-USD"))


@pytest.mark.parametrize("status", [404, 200])
def test_an_unknown_symbol_is_answered_with_404_and_not_raised(status: int) -> None:
    SOURCE.judge(answer(UNKNOWN, status))
    given, _ = history(answer(UNKNOWN, status))
    assert (given.status, given.body) == (404, UNKNOWN)


def test_a_range_before_the_listing_has_no_points_and_is_no_failure() -> None:
    SOURCE.judge(answer(TOO_EARLY, 400))
    given, _ = history(answer(TOO_EARLY, 400))
    assert given.status != 404
    assert points(given.body) == []


@pytest.mark.parametrize(
    ("meta", "words"),
    [
        (META | {"symbol": "BTC-EUR"}, "symbol is 'BTC-EUR' instead of 'BTC-USD'"),
        (META | {"currency": "EUR"}, "currency is 'EUR'"),
        (META | {"dataGranularity": "1wk"}, "granularity is '1wk'"),
        ({}, "symbol is None"),
    ],
)
def test_another_chart_than_the_one_asked_for_is_refused_for_good(meta: dict[str, str], words: str) -> None:
    body = chart("[86400]", meta, close="[1]")
    with pytest.raises(Permanent, match=words):
        SOURCE.judge(answer(body))
    with pytest.raises(Permanent, match=words):
        history(answer(body))


def _error(code: str) -> bytes:
    return json.dumps({"chart": {"result": None, "error": {"code": code, "description": "Words"}}}).encode()


@pytest.mark.parametrize(
    ("status", "body", "kind", "words"),
    [
        (422, _error("Unprocessable Entity"), Permanent, "Words"),
        (400, _error("Bad Request"), Permanent, "Words"),
        (404, b"<html>no such page</html>", Permanent, "404 Not Found"),
        (429, b"Too Many Requests\r\n", RateLimited, "429"),
        (200, _error("Too Many Requests"), RateLimited, "Words"),
        (200, _error("Internal Server Error"), Transient, "Words"),
        (200, b"<html>", Transient, "something else than a chart"),
        (200, b'{"chart":{"result":null,"error":null}}', Transient, "exactly one chart"),
    ],
)
def test_each_refusal_is_sorted(status: int, body: bytes, kind: type[UpstreamError], words: str) -> None:
    with pytest.raises(kind, match=words) as caught:
        SOURCE.judge(answer(body, status))
    assert type(caught.value) is kind


def test_yahoo_has_history_only_and_dates_a_bar_by_its_own_day() -> None:
    assert (SOURCE.has_snapshots, SOURCE.has_history, SOURCE.day_of) == (False, True, BarDate.SAME_DAY)
    with pytest.raises(Permanent, match="yahoo gives no snapshots"):
        SOURCE.snapshot(Asked(answer(b"[]")))
