"""Every vendor lands whole batches: all pages once and in order, the same answers as the same bytes, at its days."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from statistics import median

from conformance import (
    PAST,
    TODAY,
    OpenBench,
    Stage,
    each,
    kinds,
    specimen_of,
    with_rows,
    with_several_pages,
    without_rows,
)

from crypto_platform.lake.landed import Kind
from crypto_platform.sandbox.answers import Answer, Request
from crypto_platform.sandbox.faults import Rule
from crypto_platform.sources import asked

pytest_plugins = ["conformance_fixtures"]

DAY = timedelta(days=1)


@kinds()
def test_every_answer_is_kept_once_and_in_order_and_every_row_is_an_answers(
    open_bench: OpenBench, stage: Stage, name: str, kind: Kind
) -> None:
    bench = open_bench(name)
    landed = bench.land(kind)
    assert bench.kept() == [f"{page:04d}.zst" for page in range(1, landed.about.pages + 1)]
    assert landed.asked == landed.about.pages == stage.requests
    raw = bench.raw(kind)
    assert len(raw) == landed.rows > 0
    assert {row["source"] for row in raw} == {name}
    if kind == "history":
        assert {row["source_asset_id"] for row in raw} == set(specimen_of(name).coins)
        assert sorted({row["page"] for row in raw}) == list(range(1, landed.about.pages + 1))


@each(with_several_pages())
def test_pages_are_asked_for_one_after_the_other_up_to_what_was_asked_for(
    open_bench: OpenBench, stage: Stage, name: str
) -> None:
    several = specimen_of(name).several_pages
    bench = open_bench(name, vendor=several)
    landed = bench.land("snapshot")
    raw = bench.raw("snapshot")
    sizes = [sum(row["page"] == page for row in raw) for page in range(1, landed.about.pages + 1)]
    assert len(sizes) > 1
    assert sum(sizes[:-1]) < int(str(several["top"])) <= sum(sizes)
    assert stage.requests == len({repr(request.query) for request in stage.asked}) == len(sizes)
    for page, size in enumerate(sizes, start=1):
        assert [row["position"] for row in raw if row["page"] == page] == list(range(size))


@each(with_several_pages())
def test_an_empty_page_is_the_last(open_bench: OpenBench, stage: Stage, name: str) -> None:
    bench = open_bench(name, vendor=specimen_of(name).several_pages)
    stage.change = lambda _request, answer, number: answer if number < 2 else without_rows(answer)
    landed = bench.land("snapshot")
    assert (landed.about.pages, stage.requests) == (2, 2)
    assert {row["page"] for row in bench.raw("snapshot")} == {1}


@kinds()
def test_an_answer_that_holds_nothing_lands_an_empty_batch(
    open_bench: OpenBench, stage: Stage, name: str, kind: Kind
) -> None:
    bench = open_bench(name)
    stage.change = lambda _request, answer, _number: without_rows(answer)
    landed = bench.land(kind)
    assert landed.rows == 0
    assert landed.objects
    assert bench.raw(kind) == []
    assert not landed.unknown


@each(with_several_pages())
def test_a_coin_that_drifts_onto_the_next_page_counts_once_and_nothing_is_lost(
    open_bench: OpenBench, stage: Stage, name: str
) -> None:
    bench = open_bench(name, vendor=specimen_of(name).several_pages)
    drifted: list[bytes] = []

    def drift(_request: Request, answer: Answer, number: int) -> Answer:
        rows = bench.source.snapshot_rows(answer.body)
        if number == 2:
            answer = replace(answer, body=with_rows(answer.body, rows, [*drifted, *rows]))
        drifted[:] = rows[-5:]
        return answer

    stage.change = drift
    bench.land("snapshot")
    raw, (bronze, rejected) = bench.raw("snapshot"), bench.judged_snapshots()
    first, second = ([row["payload"] for row in raw if row["page"] == page] for page in (1, 2))
    assert second[:5] == first[-5:]
    ids = [row["source_asset_id"] for row in bronze]
    assert len(ids) == len(set(ids))
    assert set(first) <= {row["payload"] for row in (*bronze, *rejected)}, "the first page's rows are kept"
    id_at = specimen_of(name).id_at
    assert {id_in(payload, id_at) for payload in second} <= {row["source_asset_id"] for row in (*bronze, *rejected)}
    assert not {(row["page"], row["position"]) for row in bronze} & {(2, position) for position in range(5)}


def id_in(payload: str, id_at: tuple[str, ...]) -> str:
    found = json.loads(payload)
    for step in id_at:
        found = found[step]
    return str(found)


@each(asked("snapshots"))
def test_a_row_that_comes_twice_on_a_page_counts_once(open_bench: OpenBench, stage: Stage, name: str) -> None:
    bench = open_bench(name)

    def doubled(_request: Request, answer: Answer, _number: int) -> Answer:
        rows = bench.source.snapshot_rows(answer.body)
        return replace(answer, body=with_rows(answer.body, rows, [*rows, *rows]))

    stage.change = doubled
    landed = bench.land("snapshot")
    bronze, rejected = bench.judged_snapshots()
    occurrences = sum(row["occurrences"] for row in rejected)
    assert bronze
    assert landed.rows == 2 * len(bronze) + occurrences
    assert all(row["occurrences"] == 2 for row in rejected)


@kinds("coins")
def test_a_coin_that_is_listed_twice_is_one_coin(open_bench: OpenBench, stage: Stage, name: str, kind: Kind) -> None:
    plain = open_bench(name, "plain")
    plain.land(kind)
    twice = open_bench(name, "twice")

    def doubled(_request: Request, answer: Answer, _number: int) -> Answer:
        rows = plain.source.snapshot_rows(answer.body) if answer.status == 200 else []
        return replace(answer, body=with_rows(answer.body, rows, [*rows, *rows])) if rows else answer

    stage.change = doubled
    twice.land(kind)
    assert twice.raw(kind) == plain.raw(kind)


@kinds()
def test_the_same_answers_give_the_same_bytes_without_asking(
    open_bench: OpenBench, stage: Stage, name: str, kind: Kind
) -> None:
    bench = open_bench(name)
    bench.land(kind)
    before = bench.objects()
    for key in before:
        bench.lake.store.delete(key)
    assert bench.objects() == {}
    stage.fails(Rule(kind="500"))
    stage.log.clear()
    again = bench.land(kind)
    assert bench.objects() == before
    assert (again.asked, stage.requests) == (0, 0)


@kinds()
def test_a_batch_that_has_landed_is_neither_asked_for_nor_written_again(
    open_bench: OpenBench, stage: Stage, name: str, kind: Kind
) -> None:
    bench = open_bench(name)
    bench.land(kind)
    before = bench.objects()
    stage.log.clear()
    assert bench.land(kind).rows == len(bench.raw(kind))
    assert (bench.objects(), stage.requests) == (before, 0)


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


@kinds()
def test_what_is_asked_is_told_by_what_the_source_is_and_not_by_its_budget(
    open_bench: OpenBench, name: str, kind: Kind
) -> None:
    """A batch is gone on with by who asks for what; a raised budget must find the batch that ran out of it."""
    few = specimen_of(name).few
    usual = open_bench(name, "one").source
    assert repr(usual) == repr(open_bench(name, "two").source), "no address, no time, no chance"
    raised = open_bench(name, "three", vendor={**few, "per_minute": 7, "per_month": 7}).source
    assert (raised.budget.per_minute, raised.budget.per_month) == (7, 7)
    assert repr(raised) == repr(usual)
