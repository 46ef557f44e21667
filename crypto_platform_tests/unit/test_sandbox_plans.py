"""The sandbox's clock, its fault plans and its rate limits, without a server."""

from pathlib import Path

import pytest

from crypto_platform.sandbox.clock import Clock, ClockError, parse_moment
from crypto_platform.sandbox.faults import FaultError, Faults, Plan, Rule, read_plan
from crypto_platform.sandbox.limits import Limits

REAL = parse_moment("2026-11-20T12:00:00Z")


class Ticking:
    """A real clock whose hand the test moves."""

    def __init__(self) -> None:
        self.time = REAL

    def __call__(self) -> float:
        return self.time


def test_a_set_clock_runs_on_from_there() -> None:
    real = Ticking()
    clock = Clock(real)
    clock.set(REAL - 1_000)
    real.time += 60
    assert clock.now() == REAL - 940


def test_a_frozen_clock_stands_still_and_stays_frozen_when_advanced() -> None:
    real = Ticking()
    clock = Clock(real)
    clock.set(REAL - 1_000, frozen=True)
    clock.advance(10)
    real.time += 60
    assert clock.now() == REAL - 990


def test_the_clock_never_runs_ahead_of_the_real_one() -> None:
    clock = Clock(Ticking())
    with pytest.raises(ClockError, match="never runs ahead"):
        clock.set(REAL + 1)
    with pytest.raises(ClockError, match="never runs ahead"):
        clock.advance(1)
    assert clock.now() == REAL


@pytest.mark.parametrize("moment", [0.0, float("nan")])
def test_the_clock_does_not_go_back_before_the_market_begins(moment: float) -> None:
    with pytest.raises(ClockError, match="begins in 2013"):
        Clock(Ticking()).set(moment)


def test_a_time_without_an_offset_is_utc() -> None:
    assert parse_moment("2026-11-20 12:00") == REAL
    assert parse_moment("2026-11-20T13:00:00+01:00") == REAL


def test_a_rule_skips_the_first_requests_and_stops_after_its_times() -> None:
    faults = Faults(Plan([Rule("500", after=2, times=2)]))
    fired = [faults.decide("yahoo", "/x", "") is not None for _ in range(6)]
    assert fired == [False, False, True, True, False, False]


def test_a_rule_holds_for_its_vendor_and_path_alone() -> None:
    faults = Faults(Plan([Rule("500", vendor="coingecko", path="/coins/markets?*page=2*")]))
    assert faults.decide("coingecko", "/coins/markets", "vs_currency=usd&page=2")
    assert not faults.decide("coingecko", "/coins/markets", "vs_currency=usd&page=1")
    assert not faults.decide("yahoo", "/coins/markets", "page=2")


def test_one_seed_makes_the_same_requests_fail_every_time() -> None:
    def run(seed: int) -> list[bool]:
        faults = Faults(Plan([Rule("500", probability=0.5)], seed))
        return [faults.decide("yahoo", "/x", "") is not None for _ in range(200)]

    assert run(1) == run(1)
    assert run(1) != run(2)
    assert 60 < sum(run(1)) < 140


def test_a_new_plan_starts_counting_anew() -> None:
    faults = Faults(Plan([Rule("500", times=1)]))
    assert faults.decide("yahoo", "/x", "")
    faults.use(faults.plan)
    assert faults.decide("yahoo", "/x", "")


def test_a_plan_may_be_a_bare_list() -> None:
    assert read_plan(b'[{"kind": "reset"}]') == Plan([Rule("reset")])


@pytest.mark.parametrize("text", [b'[{"kind": "meteor"}]', b'{"rulez": []}', b"no json", b'[{"kind": "500", "x": 1}]'])
def test_a_plan_that_cannot_be_is_refused_in_a_sentence(text: bytes) -> None:
    with pytest.raises(FaultError, match="no fault plan"):
        read_plan(text)


def test_a_plan_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(FaultError, match=r"nowhere\.json cannot be read"):
        read_plan(tmp_path / "nowhere.json")


def test_the_31st_request_of_a_minute_waits_until_the_first_is_a_minute_old() -> None:
    elapsed = [0.0]
    limits = Limits(lambda: elapsed[0])
    waits = []
    for _ in range(31):
        waits.append(limits.wait("coingecko", paid=False))
        elapsed[0] += 1
    assert waits == [0.0] * 30 + [30.0]
    assert limits.wait("coingecko", paid=True) == 0.0
    elapsed[0] = 60.5
    assert limits.wait("coingecko", paid=False) == 0.0
