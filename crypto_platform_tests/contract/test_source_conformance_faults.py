"""A vendor that fails costs time, never rows: one failure is ridden out, many are refused, and a batch goes on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, get_args

import pytest
from conformance import KINDS, OpenBench, Stage, kinds, specimen_of

from crypto_platform.lake.answers import unpack
from crypto_platform.lake.landed import Kind
from crypto_platform.sandbox.answers import Answer
from crypto_platform.sandbox.faults import Kind as Fault
from crypto_platform.sandbox.faults import Rule
from crypto_platform.sources.errors import Permanent, RateLimited, Transient
from crypto_platform.warehouse import BudgetSpentError

pytest_plugins = ["conformance_fixtures"]

FAULTS: tuple[Fault, ...] = get_args(Fault)
SLOW = ("timeout", "drip")
"""These take the client's whole patience."""
PATIENCE = 0.8
NO_ANSWER = ("reset", "timeout")


def failing() -> Any:
    """Every vendor and kind with every fault; the slow ones with one kind of each vendor: its client is the same."""
    of_vendor = {name: (name, kind) for name, kind in reversed(KINDS)}
    cases = [(*case, fault) for case in KINDS for fault in FAULTS if fault not in SLOW or case in of_vendor.values()]
    return pytest.mark.parametrize(("name", "kind", "fault"), cases)


def patience(fault: Fault) -> float:
    return PATIENCE if fault in SLOW else 20


@dataclass(frozen=True)
class Usual:
    """A vendor's batch without a fault."""

    objects: dict[str, str]
    pages: int


Undisturbed = Callable[[str, Kind], Usual]


@pytest.fixture(scope="session")
def made() -> dict[tuple[str, Kind], Usual]:
    return {}


@pytest.fixture
def undisturbed(made: dict[tuple[str, Kind], Usual], open_bench: OpenBench, stage: Stage) -> Undisturbed:
    """What a batch is without a fault, made once for all tests; the stage is as new afterwards."""

    def usual(name: str, kind: Kind) -> Usual:
        if (name, kind) not in made:
            bench = open_bench(name, "usual", vendor=large(name))
            pages = bench.land(kind).about.pages
            made[name, kind] = Usual(bench.objects(), pages)
        stage.reset()
        return made[name, kind]

    return usual


def large(name: str) -> dict[str, object]:
    """Settings that make a snapshot of more than one page, where there is such."""
    specimen = specimen_of(name)
    return dict(specimen.several_pages or specimen.few)


@failing()
def test_one_failure_is_ridden_out_and_the_batch_is_as_without_it(
    open_bench: OpenBench, stage: Stage, undisturbed: Undisturbed, name: str, kind: Kind, fault: Fault
) -> None:
    usual = undisturbed(name, kind)
    bench = open_bench(name, vendor=large(name), max_retries=1, http_timeout=patience(fault))
    stage.fails(Rule(kind=fault, times=1, retry_after=7))
    landed = bench.land(kind)
    assert bench.objects() == usual.objects
    assert stage.requests == landed.about.pages + 1
    if fault == "429_retry_after":
        assert max(bench.slept) == 7, "the vendor is left alone for as long as it asks"
    refused = [file for file in bench.kept() if file.count(".") > 1]
    assert len(refused) == (0 if fault in NO_ANSWER else 1), "what was refused is kept beside what was taken"


@failing()
def test_a_vendor_that_keeps_failing_is_refused_in_a_sentence_and_nothing_lands(
    open_bench: OpenBench, stage: Stage, name: str, kind: Kind, fault: Fault
) -> None:
    bench = open_bench(name, max_retries=0 if fault in SLOW else 2, http_timeout=patience(fault))
    stage.fails(Rule(kind=fault))
    with pytest.raises(Transient) as caught:
        bench.land(kind)
    sentence = str(caught.value)
    assert sentence.startswith(name)
    assert sentence.endswith(".")
    assert "\n" not in sentence
    assert isinstance(caught.value, RateLimited) or fault not in {"429", "429_retry_after"}
    assert stage.requests == (1 if fault in SLOW else 3)
    assert bench.objects() == {}
    kept = bench.kept()
    assert all(file.startswith("0001.") and file.count(".") > 1 for file in kept)
    assert len(kept) == (0 if fault in NO_ANSWER else stage.requests)


@kinds()
def test_what_asking_again_cannot_help_is_not_asked_again(
    open_bench: OpenBench, stage: Stage, name: str, kind: Kind
) -> None:
    bench = open_bench(name, max_retries=3)
    stage.change = lambda *_: Answer(403, b'{"error":"forbidden"}')
    with pytest.raises(Permanent, match=rf"^{name} .*403 Forbidden"):
        bench.land(kind)
    assert stage.requests == 1
    assert bench.objects() == {}
    (kept,) = bench.lake.store.keys(f"answers/source={name}")
    assert unpack(bench.lake.store.read(kept), kept).body == b'{"error":"forbidden"}'


@kinds()
def test_a_batch_that_died_goes_on_without_asking_again_for_what_it_has(
    open_bench: OpenBench, stage: Stage, undisturbed: Undisturbed, name: str, kind: Kind
) -> None:
    usual = undisturbed(name, kind)
    bench, pages = open_bench(name, vendor=large(name)), usual.pages
    stage.fails(Rule(kind="500", after=pages - 1))
    with pytest.raises(Transient):
        bench.land(kind)
    assert bench.objects() == {}
    first = [repr((request.path, request.query)) for request in stage.asked]
    assert len(first) == pages - 1
    stage.reset()
    landed = bench.land(kind)
    rest = [repr((request.path, request.query)) for request in stage.asked]
    assert len(rest) == landed.asked == 1
    assert not set(first) & set(rest)
    assert bench.objects() == usual.objects


@kinds()
def test_a_spent_budget_stops_before_the_call_and_the_batch_goes_on_once_it_is_raised(
    open_bench: OpenBench, stage: Stage, undisturbed: Undisturbed, name: str, kind: Kind
) -> None:
    usual = undisturbed(name, kind)
    bench, pages = open_bench(name, vendor=large(name)), usual.pages
    left = [0.0] * (pages - 1)

    def permit() -> float:
        if not left:
            raise BudgetSpentError("The month's budget is used up.")
        return left.pop()

    with pytest.raises(BudgetSpentError):
        bench.land(kind, permit)
    assert stage.requests == pages - 1, "no call was made that the budget did not have"
    assert bench.objects() == {}
    left.append(0.0)
    assert bench.land(kind, permit).asked == 1
    assert stage.requests == pages
    assert bench.objects() == usual.objects


@kinds()
def test_a_permit_that_says_wait_is_waited_for_before_each_call(
    open_bench: OpenBench, stage: Stage, name: str, kind: Kind
) -> None:
    bench = open_bench(name, max_retries=1)
    waits = [float(number) for number in range(1, 40)]
    granted: list[float] = []

    def permit() -> float:
        assert len(granted) == stage.requests, "a call is counted before it is made, and each call once"
        granted.append(waits[len(granted)])
        return granted[-1]

    stage.fails(Rule(kind="500", times=1))
    landed = bench.land(kind, permit)
    assert len(granted) == landed.about.pages + 1, "a call that is made again is a call"
    assert [wait for wait in bench.slept if wait] == granted
