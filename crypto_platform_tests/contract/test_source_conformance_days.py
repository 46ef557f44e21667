"""Every vendor's history: each bar on its own day, days as days, a plan's first day, coins that nobody knows."""

from __future__ import annotations

from datetime import timedelta
from statistics import median

from conformance import PAST, TODAY, OpenBench, kinds, specimen_of

from crypto_platform.lake.landed import Kind

pytest_plugins = ["conformance_fixtures"]

DAY = timedelta(days=1)


@kinds("history")
def test_a_coin_that_the_vendor_does_not_know_is_told_and_holds_up_no_other(
    open_bench: OpenBench, name: str, kind: Kind
) -> None:
    bench = open_bench(name)
    specimen = specimen_of(name)
    first, *rest = specimen.coins
    landed = bench.land(kind, coins=[first, specimen.unknown, *rest])
    assert landed.unknown == (specimen.unknown,)
    assert {row["source_asset_id"] for row in bench.raw(kind)} == set(specimen.coins)
    assert landed.about.pages == len(bench.kept()) == 1 + len(specimen.coins), "the 404 is kept like every answer"


@kinds("history")
def test_a_bar_of_a_day_has_that_days_close_and_no_other_days(open_bench: OpenBench, name: str, kind: Kind) -> None:
    bench = open_bench(name)
    bench.land(kind)
    bars, _ = bench.judged_history()
    first, last = PAST
    for coin in specimen_of(name).coins:
        closes = {row["bar_date"]: row["close_usd"] for row in bars if row["source_asset_id"] == coin}
        asked_for = [day for day in closes if first <= day <= last]
        assert len(asked_for) >= (last - first).days - 2, "a day or two may be gaps"
        truth = bench.true_closes(coin, min(closes) - DAY, max(closes) + DAY)
        off = {
            days: sorted(abs(close / truth[day + days * DAY] - 1) for day, close in closes.items())
            for days in (-1, 0, 1)
        }
        agreeing = sum(each < 0.005 for each in off[0]) / len(off[0])
        assert agreeing > 0.9, f"{coin}: its bars are of another day than {bench.source.day_of} says"
        assert median(off[-1]) > 0.005
        assert median(off[1]) > 0.005


@kinds("history")
def test_a_few_days_are_given_in_days_and_today_is_never_taken_for_finished(
    open_bench: OpenBench, name: str, kind: Kind
) -> None:
    bench = open_bench(name)
    bench.land(kind, days=(TODAY - 4 * DAY, TODAY))
    bars, rejected = bench.judged_history()
    assert rejected == []
    for coin in specimen_of(name).coins:
        days = {row["bar_date"]: row["provisional"] for row in bars if row["source_asset_id"] == coin}
        assert {TODAY - 4 * DAY, TODAY - 3 * DAY, TODAY - 2 * DAY} <= set(days)
        assert days.get(TODAY, True), "a day that is not over is provisional"
        assert max(days) <= TODAY
    stamps = {row["observed_at"] for row in bench.raw(kind) if row["observed_at"].date() < TODAY}
    assert {stamp.time().isoformat() for stamp in stamps} == {"00:00:00"}


@kinds("history")
def test_the_first_day_that_a_plan_serves_is_served(open_bench: OpenBench, name: str, kind: Kind) -> None:
    bench = open_bench(name)
    first = bench.source.first_day(TODAY) or TODAY - 365 * DAY
    coin = specimen_of(name).coins[0]
    bench.land(kind, days=(first, first + 40 * DAY), coins=[coin])
    bars, _ = bench.judged_history()
    days = [row["bar_date"] for row in bars]
    assert first <= min(days) <= first + 3 * DAY, "a day or two may be gaps"


@kinds("history")
def test_a_span_holds_what_was_asked_for_as_far_as_the_plan_serves_it(
    open_bench: OpenBench, name: str, kind: Kind
) -> None:
    source = open_bench(name).source
    earliest = source.first_day(TODAY)
    for days in (1, 3, 30, 300):
        first, last = TODAY - days * DAY, TODAY
        brought = source.span(first, last, TODAY)
        assert brought[0] <= first
        assert brought[1] >= last
        assert earliest is None or brought[0] >= earliest
        assert source.span(*brought, TODAY) == brought, "a span is a span of its own"
