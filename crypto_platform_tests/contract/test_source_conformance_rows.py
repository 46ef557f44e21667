"""Whatever a vendor puts into a field, its row is loaded or quarantined with a reason, and no other row is harmed."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from conformance import Bench, OpenBench, Stage, each, kinds, specimen_of
from conformance_bodies import paths_in, replaced, with_rows, without_rows

from crypto_platform.lake.landed import Kind
from crypto_platform.sandbox.answers import Answer, Request
from crypto_platform.sources import asked
from crypto_platform.sources.errors import UpstreamError

pytest_plugins = ["conformance_fixtures"]

ODDITIES: dict[str, Callable[[Any], Any]] = {
    "null": lambda _: None,
    "a number as text, a text as a number": lambda value: 64_213 if isinstance(value, str) else str(value),
    "an object": lambda _: {"value": 1.1},
    "an array": lambda _: [1.1, None],
    "true": lambda _: True,
    "the empty string": lambda _: "",
    "a huge number": lambda _: 10**400,
    "a text that is no number": lambda _: "n/a",
    "a NUL": lambda _: "\u0000",
}
odd = pytest.mark.parametrize("oddity", ODDITIES)
GARBAGE = [
    b"7",
    b'"bitcoin"',
    b"null",
    b"true",
    b"[]",
    b'[["id","bitcoin"]]',
    b"{}",
    b'{"id":{}}',
    b'{"\\ud800":"\\u0000"}',
]


def template_of(bench: Bench) -> tuple[dict[str, Any], dict[str, Any]]:
    """A row of the vendor's that passes, and what bronze makes of it."""
    bench.land("snapshot")
    bronze, _ = bench.judged_snapshots()
    row = min(bronze, key=lambda row: (sum(value is None for value in row.values()), row["position"]))
    payload = next(raw["payload"] for raw in bench.raw("snapshot") if raw["position"] == row["position"])
    return json.loads(payload), row


@odd
@each(asked("snapshots"))
def test_each_field_of_a_row_may_hold_anything(open_bench: OpenBench, stage: Stage, name: str, oddity: str) -> None:
    template, as_loaded = template_of(open_bench(name, "plain"))
    bench, id_at = open_bench(name, "odd"), specimen_of(name).id_at
    paths = [path for path, _ in paths_in(template)]
    rows = []
    for number, path in enumerate(paths):
        row = replaced(template, id_at, f"coin-{number}")
        held = next(held for at, held in paths_in(row) if at == path)
        rows.append(json.dumps(replaced(row, path, ODDITIES[oddity](held))).encode())

    def spoil(_request: Request, answer: Answer, number: int) -> Answer:
        """All rows on the first page, however many pages are asked for."""
        if number > 1:
            return without_rows(answer)
        return replace(answer, body=with_rows(answer.body, bench.source.snapshot_rows(answer.body), rows))

    stage.reset()
    stage.change = spoil
    landed = bench.land("snapshot")
    bronze, rejected = bench.judged_snapshots()
    assert [raw["payload"].encode() for raw in bench.raw("snapshot")] == rows, "raw holds each row as it came"
    assert landed.rows == len(paths) == len(bronze) + sum(row["occurrences"] for row in rejected)
    assert len({row["position"] for row in (*bronze, *rejected)}) == len(paths)
    assert all(all(row["reasons"]) and row["reasons"] for row in rejected)
    assert bronze or oddity == "a NUL"
    for row in bronze:
        changed = {name for name in row if row[name] != as_loaded[name]} - {"payload", "position", "source_asset_id"}
        value = paths[row["position"]]
        inside = sum(path[: len(value)] == value for path in paths)
        assert len(changed) <= 1 + inside, f"{value} changed {changed}"


@each(asked("snapshots"))
def test_numbers_as_text_are_the_same_numbers(open_bench: OpenBench, stage: Stage, name: str) -> None:
    plain, quoted = open_bench(name, "plain"), open_bench(name, "quoted")
    plain.land("snapshot")

    def quote(_request: Request, answer: Answer, _number: int) -> Answer:
        numbers_as_text = json.loads(answer.body, parse_float=str, parse_int=str)
        return replace(answer, body=json.dumps(numbers_as_text).encode())

    stage.change = quote
    quoted.land("snapshot")
    assert values_of(quoted) == values_of(plain)


def values_of(bench: Bench) -> list[dict[str, Any]]:
    """What bronze holds, but for how the vendor wrote it."""
    bronze, _ = bench.judged_snapshots()
    values = [{name: value for name, value in row.items() if name != "payload"} for row in bronze]
    return sorted(values, key=lambda row: row["position"])


@each(asked("snapshots"))
def test_what_nobody_can_read_among_the_rows_is_quarantined_and_costs_no_other_row(
    open_bench: OpenBench, stage: Stage, name: str
) -> None:
    plain, spoiled = open_bench(name, "plain"), open_bench(name, "spoiled")
    plain.land("snapshot")

    def spoil(_request: Request, answer: Answer, _number: int) -> Answer:
        rows = plain.source.snapshot_rows(answer.body)
        return replace(answer, body=with_rows(answer.body, rows, [*rows, *GARBAGE]))

    stage.change = spoil
    landed = spoiled.land("snapshot")
    assert landed.rows == len(plain.raw("snapshot")) + len(GARBAGE)
    assert values_of(spoiled) == values_of(plain)
    known = [row["payload"] for row in plain.judged_snapshots()[1]]
    more = [row for row in spoiled.judged_snapshots()[1] if row["payload"] not in known]
    assert sorted(row["payload"].encode() for row in more) == sorted(GARBAGE)
    assert all(row["reasons"] for row in more)


@kinds("coins")
def test_what_nobody_can_read_in_a_list_is_no_coin_and_costs_no_other(
    open_bench: OpenBench, stage: Stage, name: str, kind: Kind
) -> None:
    plain, spoiled = open_bench(name, "plain"), open_bench(name, "spoiled")
    plain.land(kind)

    def spoil(_request: Request, answer: Answer, _number: int) -> Answer:
        rows = plain.source.snapshot_rows(answer.body) if answer.status == 200 else []
        return replace(answer, body=with_rows(answer.body, rows, [*GARBAGE, *rows])) if rows else answer

    stage.change = spoil
    spoiled.land(kind)
    assert spoiled.raw(kind) == plain.raw(kind)


@odd
@kinds("coins")
def test_each_field_of_a_listed_coin_may_hold_anything(
    open_bench: OpenBench, stage: Stage, name: str, kind: Kind, oddity: str
) -> None:
    plain, spoiled = open_bench(name, "plain"), open_bench(name, "odd")
    plain.land(kind)

    def spoil(_request: Request, answer: Answer, number: int) -> Answer:
        """The last entries of each answer, one field after the other."""
        if answer.status != 200:
            return answer
        as_they_came = plain.source.snapshot_rows(answer.body)
        rows = [json.loads(row) for row in as_they_came]
        for row, (path, held) in zip(reversed(rows), list(paths_in(rows[-1])), strict=False):
            if path[0] in row:
                row[path[0]] = ODDITIES[oddity](held)
        return replace(answer, body=with_rows(answer.body, as_they_came, [json.dumps(row).encode() for row in rows]))

    stage.change = spoil
    spoiled.land(kind)
    before, after = ({row["source_asset_id"]: row for row in bench.raw(kind)} for bench in (plain, spoiled))
    assert len(before.keys() - after.keys()) <= 15, "only an entry without its id is no coin"
    assert len(after) > 0.8 * len(before)


@odd
@kinds("history")
def test_each_value_of_a_point_may_be_anything(
    open_bench: OpenBench, stage: Stage, name: str, kind: Kind, oddity: str
) -> None:
    plain, spoiled = open_bench(name, "plain"), open_bench(name, "odd")
    coins = specimen_of(name).coins[:1]
    plain.land(kind, coins=coins)
    points = plain.raw(kind)

    def spoil(_request: Request, answer: Answer, _number: int) -> Answer:
        """Each kind of value in a point of its own; the places of one kind differ in the number of the point alone."""
        body = json.loads(answer.body)
        places: dict[tuple[str | int, ...], list[tuple[tuple[str | int, ...], Any]]] = {}
        for path, held in paths_in(body):
            if not isinstance(held, dict | list) and (kind_of := _kind_of(body, path)) is not None:
                places.setdefault(kind_of, []).append((path, held))
        for number, kind_of in enumerate(places):
            path, held = places[kind_of][number + 3]
            body = replaced(body, path, ODDITIES[oddity](held))
        return replace(answer, body=json.dumps(body).encode())

    stage.change = spoil
    spoiled.land(kind, coins=coins)
    raw, (bars, rejected) = spoiled.raw(kind), spoiled.judged_history()
    assert len(raw) >= len(points), "no point is lost"
    gaps = [row for row in raw if row["close_usd"] is None and row["payload"] is None]
    assert len(raw) == len(bars) + sum(row["occurrences"] for row in rejected) + len(gaps)
    assert all(row["reasons"] for row in rejected)
    usual, _ = plain.judged_history()
    untouched = [row["bar_date"] for row in bars if row in usual]
    assert len(untouched) > len(usual) - 12, "only the spoiled points differ"


@kinds("history")
def test_each_fact_about_a_history_may_be_anything_without_a_wrong_bar(
    open_bench: OpenBench, stage: Stage, name: str, kind: Kind
) -> None:
    """Outside the points an answer is refused in a sentence, or read as it would be without the change."""
    coins = specimen_of(name).coins[:1]
    plain = open_bench(name, "plain")
    plain.land(kind, coins=coins)
    usual = [row["close_usd"] for row in plain.raw(kind)]
    answers: list[Answer] = []
    stage.change = lambda _request, answer, _number: answers.append(answer) or answer
    open_bench(name, "watched").land(kind, coins=coins)
    body = json.loads(answers[0].body)
    outside = [(path, held) for path, held in paths_in(body) if _kind_of(body, path) is None]
    facts = [(path, "5" if held is None else None) for path, held in outside]
    bench = open_bench(name, "facts")
    for number, (path, new) in enumerate(facts):
        changed = replace(answers[0], body=json.dumps(replaced(body, path, new)).encode())
        stage.change = lambda _request, _answer, _number, changed=changed: changed
        batch = f"01990000-0000-7000-8000-{number:012d}"
        try:
            bench.land(kind, coins=coins, batch=batch)
        except UpstreamError as error:
            refused = str(error)
        else:
            refused = ""
        closes = [row["close_usd"] for row in bench.raw(kind, batch)]
        if refused:
            assert refused.startswith(name)
            assert not any(batch in key for key in bench.objects())
        else:
            assert closes == usual or not any(closes), path


def _kind_of(body: Any, path: tuple[str | int, ...]) -> tuple[str | int, ...] | None:
    """The path without the number of its point; None for what lies outside the points."""
    inside = body
    for depth, step in enumerate(path):
        if isinstance(inside, list) and len(inside) > 5:
            return (*path[:depth], "*", *path[depth + 1 :])
        inside = inside[step]
    return None
