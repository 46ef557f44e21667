"""The chart in the terminal: every line of one width, prices up where they are high, the first and last day below."""

from __future__ import annotations

import pytest

from crypto_platform.cli.chart import price_chart

WIDTH, HEIGHT = 40, 8


def drawn(values: list[float]) -> list[str]:
    """The drawing alone, without scale and frame."""
    lines = price_chart([f"day {n}" for n in range(len(values))], values, width=WIDTH, height=HEIGHT)
    return [line.split("│", 1)[1] for line in lines[:HEIGHT]]


def heights(values: list[float]) -> list[int]:
    """For each column the highest line with a dot, counted from below."""
    lines = drawn(values)
    return [max(HEIGHT - n for n, line in enumerate(lines) if line[x] != " ") for x in range(WIDTH)]


@pytest.mark.parametrize("count", [1, 2, 3, 500, 4_000])
def test_a_chart_is_as_wide_and_high_as_asked_for_however_many_prices(count: int) -> None:
    assert [len(line) for line in drawn([float(n + 1) for n in range(count)])] == [WIDTH] * HEIGHT


def test_a_rising_price_rises_and_a_falling_one_falls() -> None:
    rising = heights([2.0**n for n in range(30)])
    assert rising == sorted(rising)
    assert (rising[0], rising[-1]) == (1, HEIGHT)
    falling = heights([2.0**-n for n in range(30)])
    assert falling == sorted(falling, reverse=True)
    assert (falling[0], falling[-1]) == (HEIGHT, 1)


def test_equal_factors_are_equal_steps() -> None:
    middle = heights([1.0, 100.0, 10_000.0])[WIDTH // 2]
    assert abs(middle - HEIGHT / 2) <= 1


def test_a_price_that_stands_still_is_one_line() -> None:
    assert sum(line.strip() != "" for line in drawn([5.0] * 9)) == 1


def test_the_scale_shows_the_extremes_and_the_foot_the_days() -> None:
    lines = price_chart(["2014-09-17", "2026-11-21"], [457.0, 92_000.0], width=WIDTH, height=HEIGHT)
    assert lines[0].split("│")[0].strip() == "92,000"
    assert lines[HEIGHT - 1].split("│")[0].strip() == "457"
    assert lines[-1].split() == ["2014-09-17", "2026-11-21"]
    assert len(lines[-1]) == len(lines[-2])
    tiny = price_chart(["a", "b"], [1e-12, 2e-12], width=WIDTH, height=HEIGHT)
    assert tiny[0].split("│")[0].strip() == "2e-12"


def test_without_prices_it_says_so() -> None:
    assert price_chart([], []) == ["no prices yet"]
