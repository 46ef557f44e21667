"""CoinGecko: which pages are asked for, and that every row of an answer is cut out as it came."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crypto_platform.sources.base import BarDate
from crypto_platform.sources.coingecko import CoinGecko
from crypto_platform.sources.errors import Absent, Permanent, RateLimited, Transient, UpstreamError
from crypto_platform.sources.http import Answer
from crypto_platform.sources.yahoo import Yahoo

SOURCE = CoinGecko(top=250)


def answer(body: bytes, status: int = 200, **headers: str) -> Answer:
    return Answer("https://vendor.test/coins/markets?page=1", status, headers, body, datetime(2026, 3, 9, tzinfo=UTC))


class Pages:
    """A vendor that lists so many coins and gives no more than so many of them in one page."""

    def __init__(self, coins: int, largest: int = 250) -> None:
        self.coins = coins
        self.largest = largest
        self.asked: list[tuple[int, Mapping[str, str]]] = []

    def __call__(self, page: int, path: str, params: Mapping[str, str]) -> Answer:
        assert path == "/coins/markets"
        self.asked.append((page, params))
        size = min(int(params["per_page"]), self.largest)
        first = (int(params["page"]) - 1) * size
        return answer(json.dumps([{"id": str(n)} for n in range(first, min(first + size, self.coins))]).encode())


@pytest.mark.parametrize(
    ("top", "listed", "largest", "pages", "rows"),
    [
        (10, 18_000, 250, 1, 10),
        (250, 18_000, 250, 1, 250),
        (251, 18_000, 250, 2, 500),
        (1_000, 18_000, 250, 4, 1_000),
        (1_000, 300, 250, 3, 300),
        (250, 18_000, 100, 3, 300),
        (250, 0, 250, 1, 0),
    ],
)
def test_pages_are_asked_for_until_the_top_is_reached_or_a_page_is_empty(
    top: int, listed: int, largest: int, pages: int, rows: int
) -> None:
    ask = Pages(listed, largest)
    answers = list(CoinGecko(top).snapshot(ask))
    assert [page for page, _ in ask.asked] == list(range(1, pages + 1))
    assert len(answers) == pages
    assert sum(len(SOURCE.snapshot_rows(page.body)) for page in answers) == rows


def test_the_question_names_currency_order_and_precision() -> None:
    ask = Pages(18_000)
    list(CoinGecko(100).snapshot(ask))
    assert ask.asked == [
        (
            1,
            {
                "vs_currency": "usd",
                "order": "market_cap_desc",
                "per_page": "100",
                "page": "1",
                "price_change_percentage": "1h,24h,7d",
                "precision": "full",
            },
        )
    ]


@pytest.mark.parametrize(
    "rows",
    [
        [b'{"id":"a","price":1.10}', b'{ "supply" : 4e17 ,\n "price":1E-12}'],
        [b"null", b'"text"', b"1.50", b"[[], 1.0]", b"{}", b"true"],
        [b'{"id":"a","id":"b"}', b'{"price":1e400}', b'{"name":"\\u0000"}'],
        [rb'{"name":"half \ud83d of a pair"}', rb'{"name":"\\ud83d \ud83d\ude00"}', rb'"\uDC00"', rb'"\uDC00"'],
        [],
    ],
)
def test_every_row_is_the_exact_slice_of_the_answer(rows: list[bytes]) -> None:
    assert SOURCE.snapshot_rows(b" [ " + b" ,\n".join(rows) + b"]\n") == rows


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=8,
)


@settings(max_examples=60)
@given(st.lists(json_values, max_size=5), st.sampled_from([",", " , ", ",\n\t"]), st.booleans())
def test_no_row_is_lost_or_rewritten_whatever_it_holds(rows: list[object], comma: str, escaped: bool) -> None:
    slices = [json.dumps(row, ensure_ascii=escaped).encode("utf-8", "surrogatepass") for row in rows]
    assert SOURCE.snapshot_rows(b"[" + comma.encode().join(slices) + b"]") == slices


@given(st.binary(max_size=60) | json_values.map(lambda value: json.dumps(value).encode()))
def test_anything_else_is_a_broken_answer_and_nothing_worse(body: bytes) -> None:
    try:
        rows = SOURCE.snapshot_rows(body)
    except Transient:
        return
    assert [json.loads(row) for row in rows] == json.loads(body)


@pytest.mark.parametrize("body", [b"[" * 200_000, b'["\xff"]', b"[NaN]", b"[01]", b'["\\ud800]'])
def test_what_only_looks_like_json_is_broken(body: bytes) -> None:
    with pytest.raises(Transient):
        SOURCE.snapshot_rows(body)


@pytest.mark.parametrize(
    ("status", "body", "kind", "words"),
    [
        (404, b'{"error":"coin not found"}', Absent, "coin not found"),
        (404, b'{"error":"Incorrect path."}', Permanent, "Incorrect path"),
        (422, b'{"error":"Missing parameter vs_currency"}', Permanent, "Missing parameter vs_currency"),
        (403, b"<html>", Permanent, "403 Forbidden"),
        (500, b'{"status":500,"error":"Internal Server Error"}', Transient, "Internal Server Error"),
        (429, b"Throttled", RateLimited, "429 Too Many Requests"),
        (200, b'{"status":{"error_code":429,"error_message":"Slow"}}', RateLimited, "Slow"),
        (200, b'{"error":{"status":{"error_code":10012,"error_message":"Too far"}}}', Permanent, "Too far"),
        (200, b'{"error":"Something"}', Transient, "Something"),
        (200, b'{"error":{"status":{"error_code":null,"error_message":null}}}', Transient, "JSON array"),
        (204, b"", Transient, "204"),
        (599, b"", Transient, "599"),
    ],
)
def test_each_refusal_is_sorted_and_told_in_the_vendors_words(
    status: int, body: bytes, kind: type[UpstreamError], words: str
) -> None:
    with pytest.raises(kind, match=words) as caught:
        SOURCE.judge(answer(body, status))
    assert type(caught.value) is kind


def test_a_page_of_coins_and_an_empty_one_are_fine() -> None:
    SOURCE.judge(answer(b'[{"id":"bitcoin"}]'))
    SOURCE.judge(answer(b"[]"))


def test_a_point_at_midnight_closes_the_day_before() -> None:
    assert SOURCE.day_of is BarDate.PREVIOUS_DAY


def test_what_a_source_cannot_give_it_refuses_in_a_sentence() -> None:
    assert (CoinGecko.has_snapshots, CoinGecko.has_history, CoinGecko.has_coins) == (True, True, True)
    with pytest.raises(Permanent, match="yahoo gives no list of coins"):
        Yahoo().coins(Pages(1))
