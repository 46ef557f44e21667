"""Every vendor lands whole batches: all pages once and in order, and the same answers give the same bytes."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import datetime, timedelta

from conformance import TODAY, OpenBench, Stage, each, kinds, specimen_of, with_several_pages
from conformance_bodies import with_rows, without_rows

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
        drifted[:] = map(a_moment_later, rows[-5:])
        return answer

    stage.change = drift
    bench.land("snapshot")
    raw, (bronze, rejected) = bench.raw("snapshot"), bench.judged_snapshots()
    first, second = ([row["payload"] for row in raw if row["page"] == page] for page in (1, 2))
    assert second[:5] == [a_moment_later(row.encode()).decode() for row in first[-5:]] != first[-5:]
    ids = [row["source_asset_id"] for row in bronze]
    assert len(ids) == len(set(ids))
    assert set(first) <= {row["payload"] for row in (*bronze, *rejected)}, "the first page's rows are kept"
    id_at = specimen_of(name).id_at
    assert {id_in(payload, id_at) for payload in second} <= {row["source_asset_id"] for row in (*bronze, *rejected)}
    assert not {(row["page"], row["position"]) for row in bronze} & {(2, position) for position in range(5)}


def a_moment_later(row: bytes) -> bytes:
    """The row as the vendor would give it a second later: its times of today are a second on."""

    def later(found: re.Match[str]) -> str:
        moment = datetime.fromisoformat(found[0]) + timedelta(seconds=1)
        return moment.isoformat().replace("+00:00", "Z")

    return re.sub(rf"{TODAY}T[0-9:.]+Z", later, row.decode()).encode()


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
