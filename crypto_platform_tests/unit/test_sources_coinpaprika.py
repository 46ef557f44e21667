"""CoinPaprika: what is asked, how ticks and bars become points, and what is refused in which words."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crypto_platform.sources.base import BarDate
from crypto_platform.sources.coinpaprika import CoinPaprika
from crypto_platform.sources.errors import Absent, Permanent, RateLimited, Transient, UpstreamError
from crypto_platform.sources.http import Answer
from crypto_platform.sources.points import SCHEMA

SOURCE = CoinPaprika()
PAID = CoinPaprika(plan="paid")
TODAY = date(2026, 11, 20)
FIRST = datetime(2026, 1, 1, tzinfo=UTC)
UNKNOWN = b'{"error":"id not found"}'
HISTORICAL = "/v1/tickers/btc-bitcoin/historical?start=2026-01-01"


def answer(body: bytes, status: int = 200, path: str = "/v1/tickers?quotes=USD", **headers: str) -> Answer:
    return Answer(f"https://vendor.test{path}", status, headers, body, datetime(2026, 3, 9, tzinfo=UTC))


class Asked:
    def __init__(self, given: Answer) -> None:
        self.given = given
        self.questions: list[tuple[int, str, Mapping[str, str]]] = []

    def __call__(self, page: int, path: str, params: Mapping[str, str]) -> Answer:
        self.questions.append((page, path, params))
        return self.given


def points(body: str) -> list[dict[str, Any]]:
    table = SOURCE.history_points(body.encode())
    assert table.schema == SCHEMA
    rows: list[dict[str, Any]] = table.to_pylist()
    assert [row["position"] for row in rows] == list(range(len(rows)))
    return rows


def test_all_tickers_are_asked_for_at_once_and_each_is_kept_as_it_came() -> None:
    body = b'[{"id":"btc-bitcoin","price":1.10}, {"id":"x","supply":4e17}]'
    ask = Asked(answer(body))
    (page,) = SOURCE.snapshot(ask)
    assert ask.questions == [(1, "/tickers", {"quotes": "USD"})]
    assert SOURCE.snapshot_rows(page.body) == [b'{"id":"btc-bitcoin","price":1.10}', b'{"id":"x","supply":4e17}']


def test_a_coins_history_is_asked_for_by_its_days() -> None:
    ask = Asked(answer(b"[]", path=HISTORICAL))
    assert SOURCE.history(ask, 7, "btc-bitcoin", date(2026, 1, 1), date(2026, 2, 28)) is ask.given
    params = {"start": "2026-01-01", "end": "2026-02-28", "interval": "1d", "limit": "5000", "quote": "usd"}
    assert ask.questions == [(7, "/tickers/btc-bitcoin/historical", params)]


@pytest.mark.parametrize("coin", ["", ".", ".."])
def test_what_would_be_another_path_is_no_id(coin: str) -> None:
    with pytest.raises(Permanent, match="correct the crosswalk"):
        SOURCE.history(Asked(answer(b"[]")), 1, coin, date(2026, 1, 1), date(2026, 1, 2))


def test_the_free_plan_reaches_back_a_year_even_if_midnight_passes_meanwhile() -> None:
    first = SOURCE.first_day(TODAY)
    assert first is not None
    assert (TODAY - first).days > 360
    assert (TODAY + timedelta(days=2) - first).days <= 365
    assert PAID.first_day(TODAY) is None


def test_more_days_than_one_answer_holds_are_cut_before_asking_or_refused() -> None:
    begin, end = PAID.span(date(2010, 7, 17), TODAY, TODAY)
    assert (end - begin).days + 1 == 5_000
    assert SOURCE.span(date(2026, 1, 1), TODAY, TODAY) == (date(2026, 1, 1), TODAY)
    ask = Asked(answer(b"[]"))
    PAID.history(ask, 1, "btc-bitcoin", begin, end)
    with pytest.raises(Permanent, match="no more than 5,000 days"):
        PAID.history(ask, 1, "btc-bitcoin", begin - timedelta(days=1), end)
    assert len(ask.questions) == 1


def test_a_tick_is_the_close_of_its_day() -> None:
    assert SOURCE.day_of is BarDate.SAME_DAY
    (row,) = points('[{"timestamp":"2026-01-01T00:00:00Z","price":1.10,"volume_24h":5,"market_cap":20}]')
    assert row == {
        "position": 0,
        "observed_at": FIRST,
        "open_usd": None,
        "high_usd": None,
        "low_usd": None,
        "close_usd": 1.1,
        "volume_usd": 5.0,
        "market_cap_usd": 20.0,
        "unfinished": None,
        "payload": None,
    }


BAR = (
    '{{"time_open":"2026-01-01T00:00:00Z","time_close":{},"open":1,"high":3,"low":0.5,"close":2,'
    '"volume":10,"market_cap":20}}'
)


@pytest.mark.parametrize(
    ("closes", "unfinished"),
    [
        ('"2026-01-01T23:59:59Z"', None),
        ('"2026-01-01T23:59:59.999Z"', None),
        ('"2026-01-01T18:18:00Z"', True),
        ('"2026-01-01T00:00:00Z"', True),
        ("null", None),
        ('""', None),
    ],
)
def test_a_bar_that_closes_before_its_day_ends_says_that_it_is_unfinished(closes: str, unfinished: bool | None) -> None:
    (row,) = points(f"[{BAR.format(closes)}]")
    bar = [row[name] for name in ("open_usd", "high_usd", "low_usd", "close_usd", "volume_usd", "market_cap_usd")]
    assert bar == [1.0, 3.0, 0.5, 2.0, 10.0, 20.0]
    assert (row["observed_at"], row["unfinished"], row["payload"]) == (FIRST, unfinished, None)


def test_a_bar_whose_end_cannot_be_read_is_kept_as_it_came() -> None:
    (row,) = points(f"[{BAR.format('7')}]")
    assert (row["unfinished"], row["payload"]) == (None, BAR.format("7"))


@pytest.mark.parametrize(
    ("given_value", "number"), [("null", None), ('""', None), ("0", 0.0), ("1.10", 1.1), ("1e-12", 1e-12)]
)
def test_null_and_the_empty_string_are_missing_and_zero_is_zero(given_value: str, number: float | None) -> None:
    (row,) = points(f'[{{"timestamp":"2026-01-01T00:00:00Z","price":{given_value},"volume_24h":{given_value}}}]')
    assert (row["close_usd"], row["volume_usd"], row["market_cap_usd"], row["payload"]) == (number, number, None, None)


@pytest.mark.parametrize("odd", ['"1.5"', '" "', "true", "1e400", "[1]", '{"usd":1}'])
def test_a_value_that_is_no_number_is_null_and_its_point_kept_as_it_came(odd: str) -> None:
    text = f'{{"timestamp":"2026-01-01T00:00:00Z", "price":{odd}, "volume_24h":1.10}}'
    (row,) = points(f"[{text}]")
    assert (row["observed_at"], row["close_usd"], row["volume_usd"]) == (FIRST, None, 1.1)
    assert row["payload"] == text


@pytest.mark.parametrize("odd", ['"soon"', '""', "null", "1767225600", "true", '"0001-01-01T00:00:00+14:00"', "[]"])
def test_a_point_whose_moment_cannot_be_read_is_kept_as_it_came(odd: str) -> None:
    text = f'{{"timestamp":{odd},"price":1.10}}'
    (row,) = points(f"[{text}]")
    assert (row["observed_at"], row["close_usd"], row["payload"]) == (None, 1.1, text)


def test_an_object_of_another_kind_is_a_point_that_nobody_can_place() -> None:
    (row,) = points("[{}]")
    assert (row["observed_at"], row["payload"]) == (None, "{}")


@pytest.mark.parametrize(
    "moment", ["2026-01-01T00:00:00Z", "2026-01-01", "2026-01-01T00:00:00", "2026-01-01T01:00:00+01:00"]
)
def test_moments_are_read_in_every_spelling_of_iso(moment: str) -> None:
    (row,) = points(f'[{{"timestamp":"{moment}","price":1}}]')
    assert row["observed_at"] == FIRST


def test_points_stay_in_their_order_and_one_given_twice_is_two() -> None:
    tick = '{{"timestamp":"2026-01-0{}T00:00:00Z","price":{}}}'
    rows = points(f"[{tick.format(2, 2)},{tick.format(1, 1)},{tick.format(2, 2)}]")
    assert [row["close_usd"] for row in rows] == [2.0, 1.0, 2.0]


@given(st.lists(st.tuples(st.datetimes(timezones=st.just(UTC)), st.floats(0, 1e12)), max_size=8))
def test_no_point_is_lost_or_changed(ticks: list[tuple[datetime, float]]) -> None:
    texts = [f'{{"timestamp":"{moment.isoformat()}","price":{price!r}}}' for moment, price in ticks]
    rows = points(f"[{','.join(texts)}]")
    assert [(row["observed_at"], row["close_usd"]) for row in rows] == ticks


@pytest.mark.parametrize("body", [b"", b"{}", b"<html>", b"[1]", b"[null]", b'[{"price":1}', b"[[]]"])
def test_anything_but_an_array_of_objects_is_a_broken_answer(body: bytes) -> None:
    with pytest.raises(Transient):
        SOURCE.history_points(body)
    for path in ("/v1/tickers", HISTORICAL):
        with pytest.raises(Transient, match="JSON array of objects"):
            SOURCE.judge(answer(body, path=path))


def test_tickers_and_an_empty_history_are_fine() -> None:
    SOURCE.judge(answer(b'[{"id":"btc-bitcoin","error":"a coin may have such a field"}]'))
    SOURCE.judge(answer(b"[]", path=HISTORICAL))


def test_a_coin_that_is_unknown_is_an_answer_to_a_question_for_its_history() -> None:
    unknown = answer(UNKNOWN, 404, HISTORICAL)
    SOURCE.judge(unknown)
    assert SOURCE.history(Asked(unknown), 1, "gone", date(2026, 1, 1), date(2026, 1, 2)).status == 404
    with pytest.raises(Absent):
        SOURCE.judge(answer(UNKNOWN, 404, "/v1/tickers/gone"))


NOT_IN_PLAN = b'{"error": "Getting historical data before 2022 is not allowed in this plan."}'


@pytest.mark.parametrize(
    ("status", "body", "kind", "words"),
    [
        (402, NOT_IN_PLAN, Permanent, "402 Payment Required .* before 2022 is not allowed in this plan"),
        (200, NOT_IN_PLAN, Permanent, "put an error into its 200 answer .* not allowed in this plan"),
        (301, b"<a href='/v1/coins'>Moved</a>", Permanent, "redirects are not followed; the right URL may be /v1/x"),
        (404, b"<html>", Permanent, "404 Not Found"),
        (400, b'{"error":"invalid parameters"}', Permanent, "invalid parameters"),
        (429, b'{"error":"too many requests"}', RateLimited, "too many requests"),
        (200, b'{"error":"too many requests"}', RateLimited, "too many requests"),
        (200, b'{"error":"you have reached maximum request limit"}', RateLimited, "maximum request limit"),
        (200, b'{"error":"something broke"}', Transient, "something broke"),
        (503, b'{"error":"service unavailable"}', Transient, "service unavailable"),
    ],
)
def test_each_refusal_is_sorted_and_told_in_the_vendors_words(
    status: int, body: bytes, kind: type[UpstreamError], words: str
) -> None:
    with pytest.raises(kind, match=words) as caught:
        SOURCE.judge(answer(body, status, HISTORICAL, location="/v1/x"))
    assert type(caught.value) is kind
