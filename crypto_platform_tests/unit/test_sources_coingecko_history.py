"""CoinGecko's history: which range is asked for so that it brings the days, and which answers are refused."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crypto_platform.sources.coingecko import CoinGecko
from crypto_platform.sources.errors import Permanent, RateLimited, Transient, UpstreamError
from crypto_platform.sources.http import Answer

SOURCE = CoinGecko()
PAID = CoinGecko(plan="paid")
TODAY = date(2026, 11, 20)
UNKNOWN = b'{"error":"Could not find coin with the given id"}'
RANGE = "https://vendor.test/api/v3/coins/bitcoin/market_chart/range?from=1"


def charted(body: bytes, status: int = 200) -> Answer:
    return Answer(RANGE, status, {}, body, datetime(2026, 3, 9, tzinfo=UTC))


class Asked:
    def __init__(self, given: Answer) -> None:
        self.given = given
        self.questions: list[tuple[int, str, Mapping[str, str]]] = []

    def __call__(self, page: int, path: str, params: Mapping[str, str]) -> Answer:
        self.questions.append((page, path, params))
        return self.given


def midnight(text: str) -> str:
    return str(int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()))


def test_a_range_is_asked_for_by_the_midnights_that_end_its_days() -> None:
    ask = Asked(charted(b'{"prices":[]}'))
    assert SOURCE.history(ask, 7, "bitcoin", date(2024, 1, 1), date(2024, 12, 31)) is ask.given
    params = {"vs_currency": "usd", "from": midnight("2024-01-02"), "to": midnight("2025-01-01"), "precision": "full"}
    assert ask.questions == [(7, "/coins/bitcoin/market_chart/range", params)]


def test_a_range_too_short_for_daily_points_begins_earlier() -> None:
    ask = Asked(charted(b'{"prices":[]}'))
    SOURCE.history(ask, 1, "bitcoin", date(2024, 12, 31), date(2024, 12, 31))
    since, until = (int(ask.questions[0][2][name]) for name in ("from", "to"))
    assert (until - since) / 86_400 == 92
    assert str(until) == midnight("2025-01-01")


@pytest.mark.parametrize(("coin", "path"), [("_", "_"), ("-10", "-10"), ("a/b c", "a%2Fb%20c")])
def test_odd_ids_are_asked_for_as_they_are(coin: str, path: str) -> None:
    ask = Asked(charted(b'{"prices":[]}'))
    SOURCE.history(ask, 1, coin, date(2024, 1, 1), date(2024, 12, 31))
    assert ask.questions[0][1] == f"/coins/{path}/market_chart/range"


@pytest.mark.parametrize("coin", ["", ".", ".."])
def test_what_would_be_another_path_is_no_id(coin: str) -> None:
    with pytest.raises(Permanent, match="correct the crosswalk"):
        SOURCE.history(Asked(charted(b"")), 1, coin, date(2024, 1, 1), date(2024, 1, 2))


def test_a_coin_that_is_unknown_is_an_answer() -> None:
    SOURCE.judge(charted(UNKNOWN, 404))
    given = SOURCE.history(Asked(charted(UNKNOWN, 404)), 1, "gone", date(2024, 1, 1), date(2024, 12, 31))
    assert given.status == 404


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (404, b'{"error":"Incorrect path."}', Permanent),
        (401, b'{"error":{"status":{"error_code":10012,"error_message":"Too far"}}}', Permanent),
        (200, b'{"status":{"error_code":429,"error_message":"Slow"}}', RateLimited),
        (200, b"[]", Transient),
        (200, b"{}", Transient),
        (200, b'{"prices":{}}', Transient),
        (200, b'{"prices":[[1,2],', Transient),
        (200, b"<html>", Transient),
    ],
)
def test_what_is_no_chart_is_refused(status: int, body: bytes, kind: type[UpstreamError]) -> None:
    with pytest.raises(kind) as caught:
        SOURCE.judge(charted(body, status))
    assert type(caught.value) is kind


def test_a_chart_without_points_is_fine() -> None:
    SOURCE.judge(charted(b'{"prices":[],"market_caps":[],"total_volumes":[]}'))


def test_the_free_plans_reach_back_a_year_even_if_midnight_passes_meanwhile() -> None:
    for plan in ("keyless", "demo"):
        first = CoinGecko(plan=plan).first_day(TODAY)  # type: ignore[arg-type]
        assert first is not None
        assert (TODAY + timedelta(days=2) - (first + timedelta(days=1))).days <= 365
        assert (TODAY - first).days > 360
    assert PAID.first_day(TODAY) is None


@given(
    st.dates(date(2014, 1, 1), date(2026, 12, 31)),
    st.integers(0, 4_000),
    st.sampled_from([SOURCE, PAID]),
)
def test_a_widened_range_holds_the_one_asked_for_and_brings_daily_points(
    first: date, days: int, source: CoinGecko
) -> None:
    earliest = source.first_day(TODAY) or date.min
    first = max(first, earliest)
    last = first + timedelta(days=days)
    if first > TODAY:
        return
    begin, end = source.span(first, last, TODAY)
    assert earliest <= begin <= first
    assert end >= last
    assert (min(end, TODAY) - begin).days > 90
    ask = Asked(charted(b'{"prices":[]}'))
    source.history(ask, 1, "bitcoin", begin, end)
    assert ask.questions[0][2]["from"] == midnight((begin + timedelta(days=1)).isoformat())


def test_where_the_plan_ends_the_range_is_widened_to_the_present() -> None:
    earliest = SOURCE.first_day(TODAY)
    assert earliest is not None
    assert SOURCE.span(earliest, earliest, TODAY) == (earliest, earliest + timedelta(days=92))
