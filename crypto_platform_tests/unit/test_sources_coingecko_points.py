"""CoinGecko's arrays over time: joined by the moment, in order, with nothing lost that cannot be read."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crypto_platform.sources.coingecko import CoinGecko
from crypto_platform.sources.errors import Transient
from crypto_platform.sources.points import SCHEMA

SOURCE = CoinGecko()
DAY = 86_400_000
FIRST = datetime(1970, 1, 2, tzinfo=UTC)
SECOND = datetime(1970, 1, 3, tzinfo=UTC)


def chart(prices: str, market_caps: str = "[]", total_volumes: str = "[]") -> bytes:
    """A body as CoinGecko writes it; arrays are given as JSON text."""
    return f'{{"prices":{prices},"market_caps":{market_caps},"total_volumes":{total_volumes}}}'.encode()


def points(body: bytes) -> list[dict[str, Any]]:
    table = SOURCE.history_points(body)
    assert table.schema == SCHEMA
    rows: list[dict[str, Any]] = table.to_pylist()
    assert [row["position"] for row in rows] == list(range(len(rows)))
    assert {row["unfinished"] for row in rows} <= {None}
    return rows


def values(row: dict[str, Any]) -> tuple[Any, ...]:
    return row["observed_at"], row["close_usd"], row["market_cap_usd"], row["volume_usd"]


def test_the_arrays_are_joined_by_the_moment_and_not_by_the_place() -> None:
    rows = points(chart("[[86400000,1],[172800000,2]]", "[[172800000,20]]", "[[172800000,200],[86400000,100]]"))
    assert [values(row) for row in rows] == [(FIRST, 1.0, None, 100.0), (SECOND, 2.0, 20.0, 200.0)]
    assert {row["open_usd"] for row in rows} == {None}
    assert {row["payload"] for row in rows} == {None}


def test_a_moment_that_only_a_volume_has_is_a_point() -> None:
    (row,) = points(chart("[]", "[]", "[[86400000,100]]"))
    assert values(row) == (FIRST, None, None, 100.0)


def test_points_come_in_the_order_of_time() -> None:
    rows = points(chart("[[172800000,2],[86400000,1]]"))
    assert [row["close_usd"] for row in rows] == [1.0, 2.0]


def test_of_a_moment_given_twice_the_first_value_counts() -> None:
    (row,) = points(chart("[[86400000,null],[86400000,1],[86400000.0,2]]"))
    assert (row["close_usd"], row["payload"]) == (1.0, None)


def test_nulls_are_missing_values_and_missing_arrays_too() -> None:
    (row,) = points(b'{"prices":[[86400000,null]],"market_caps":null}')
    assert values(row) == (FIRST, None, None, None)
    assert row["payload"] is None


def test_moments_may_have_fractions_and_need_not_be_midnights() -> None:
    rows = points(chart("[[86400000.0,1],[86700123.5,2]]"))
    assert [row["observed_at"] for row in rows] == [FIRST, datetime(1970, 1, 2, 0, 5, 0, 123_500, tzinfo=UTC)]


@pytest.mark.parametrize("odd", ['"1.5"', "true", "1e400", '""', "[1]", '{"usd":1}'])
def test_a_value_that_is_no_number_is_null_and_kept_as_it_came(odd: str) -> None:
    first, second = points(chart(f"[[86400000,{odd}],[172800000,1.10]]", "[[86400000,1.10]]"))
    assert (first["close_usd"], first["market_cap_usd"]) == (None, 1.1)
    assert first["payload"] == f'{{"timestamp":86400000,"prices":{odd},"market_caps":1.10}}'
    assert (second["close_usd"], second["payload"]) == (1.1, None)


@pytest.mark.parametrize("element", ['["86400000",1.10]', "[null,1.10]", "[1e300,1.10]"])
def test_a_point_whose_moment_cannot_be_read_comes_last_and_is_kept(element: str) -> None:
    first, second = points(chart(f"[{element},[86400000,2]]"))
    assert values(first) == (FIRST, 2.0, None, None)
    assert (second["observed_at"], second["close_usd"]) == (None, 1.1)
    assert second["payload"] == f'{{"prices":{element}}}'


@pytest.mark.parametrize("element", ["null", "[]", "[86400000]", "[86400000,1,2]", '{"0":1}', '"text"'])
def test_what_is_no_pair_is_kept_as_it_came(element: str) -> None:
    (row,) = points(chart("[]", f"[{element}]"))
    assert values(row) == (None, None, None, None)
    assert row["payload"] == f'{{"market_caps":{element}}}'


@pytest.mark.parametrize("body", [b"", b"<html>", b"{}", b'{"prices":null}', b'{"prices":{}}', chart("[[1,2]")[:-9]])
def test_what_is_no_chart_is_a_broken_answer(body: bytes) -> None:
    with pytest.raises(Transient, match="something else than a chart"):
        SOURCE.history_points(body)


pairs = st.lists(
    st.tuples(st.integers(0, 9).map(lambda day: day * DAY), st.none() | st.floats(allow_nan=False, width=32)),
    max_size=8,
)


@given(pairs, pairs, pairs)
def test_every_value_is_found_at_its_moment(
    prices: list[tuple[int, float | None]],
    caps: list[tuple[int, float | None]],
    volumes: list[tuple[int, float | None]],
) -> None:
    given_arrays = {"close_usd": prices, "market_cap_usd": caps, "volume_usd": volumes}
    finite = {
        name: [(at, None if value in {float("inf"), float("-inf")} else value) for at, value in array]
        for name, array in given_arrays.items()
    }
    rows = points(chart(*(json.dumps(array) for array in finite.values())))
    moments = sorted({at for array in finite.values() for at, _ in array})
    assert [int(row["observed_at"].timestamp() * 1_000) for row in rows] == moments
    for row, at in zip(rows, moments, strict=True):
        for name, array in finite.items():
            there = [value for moment, value in array if moment == at and value is not None]
            assert row[name] == (there[0] if there else None)


def test_a_candle_is_its_close_at_its_end_and_a_day_only_where_it_spans_one() -> None:
    body = b"[[86400000,1,2,0.5,1.5],[172800000,1.5,3,1,2],[432000000,2,4,1,3],[176400000,2,2,2,2]]"
    rows = points(body)
    bars = [(row["open_usd"], row["high_usd"], row["low_usd"], row["close_usd"]) for row in rows]
    assert bars == [(None, None, None, 1.5), (1.5, 3.0, 1.0, 2.0), (None, None, None, 2.0), (None, None, None, 3.0)]
    assert [row["observed_at"].day for row in rows] == [2, 3, 3, 6]


def test_a_candle_given_twice_is_two_points_of_one_day() -> None:
    rows = points(b"[[86400000,1,2,0.5,1.5],[172800000,1,3,1,2],[172800000,1,3,1,2]]")
    assert [row["open_usd"] for row in rows] == [None, 1.0, 1.0]


@pytest.mark.parametrize("element", ["null", "[86400000,1,2,3]", '["x",1,2,3,4]', '[86400000,1,2,3,"4"]'])
def test_an_odd_candle_is_kept_as_it_came(element: str) -> None:
    (row,) = points(f"[{element}]".encode())
    assert row["payload"] == f'{{"ohlc":{element}}}'


def test_no_candles_are_no_points() -> None:
    assert points(b"[]") == []
