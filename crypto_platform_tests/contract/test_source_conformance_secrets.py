"""A key goes out in its header and nowhere else: not into the lake, an error, a log or the source's own words."""

from __future__ import annotations

import json
from typing import Any

import pytest
import structlog
from conformance import OpenBench, Stage, specimen_of, with_keys

from crypto_platform.lake.answers import unpack
from crypto_platform.sandbox.answers import Answer, Request
from crypto_platform.sandbox.faults import Rule
from crypto_platform.settings import SettingsError
from crypto_platform.sources.errors import Permanent, Transient

pytest_plugins = ["conformance_fixtures"]

KEY = "CG-7hQkVery/Secret+Key=="
keyed = pytest.mark.parametrize(("name", "plan"), with_keys())


def said(name: str, plan: str | None, key: str | None = KEY) -> dict[str, object]:
    return {**specimen_of(name).few, "api_key": key, "plan": plan}


def everything_kept(bench: Any) -> str:
    """All that is in the lake, the answers unpacked with what is told of them."""
    store = bench.lake.store
    told = []
    for key in store.keys(""):
        content = store.read(key)
        told.append(repr((key, content, unpack(content, key) if key.endswith(".zst") else None)))
    return "\n".join(told)


@keyed
def test_the_key_is_sent_with_every_request_and_never_in_its_address(
    open_bench: OpenBench, stage: Stage, name: str, plan: str
) -> None:
    bench = open_bench(name, vendor=said(name, plan))
    bench.land("history")
    assert len(stage.asked) == len(specimen_of(name).coins)
    for request in stage.asked:
        assert KEY in request.headers.values()
        assert KEY not in repr((request.path, request.query))
    assert KEY not in everything_kept(bench)


@keyed
def test_a_vendor_that_repeats_the_key_makes_nobody_tell_it(
    open_bench: OpenBench, stage: Stage, name: str, plan: str
) -> None:
    bench = open_bench(name, vendor=said(name, plan), max_retries=1)
    assert KEY not in repr(bench.source)
    assert KEY not in repr(bench.platform.settings)

    def repeats(request: Request, _answer: Answer, _number: int) -> Answer:
        body = json.dumps({"error": f"The key {KEY} is not good enough."}).encode()
        return Answer(503, body, headers={"X-Seen": KEY, "Location": f"/elsewhere?key={KEY}"})

    stage.change = repeats
    with structlog.testing.capture_logs() as logs, pytest.raises(Transient) as caught:
        bench.land("history")
    assert "is not good enough" in str(caught.value)
    assert len(bench.kept()) == 2
    assert len(logs) == 1
    for told in (str(caught.value), repr(caught.value), repr(logs), everything_kept(bench)):
        assert KEY not in told


@keyed
def test_a_broken_connection_does_not_tell_the_key(open_bench: OpenBench, stage: Stage, name: str, plan: str) -> None:
    bench = open_bench(name, vendor=said(name, plan))
    stage.fails(Rule(kind="reset"))
    with pytest.raises(Transient) as caught:
        bench.land("history")
    assert KEY not in repr((caught.value, caught.value.__cause__, caught.value.__context__))


@keyed
def test_a_plan_that_needs_a_key_is_refused_without_one_before_anybody_is_asked(
    open_bench: OpenBench, stage: Stage, name: str, plan: str
) -> None:
    bench = open_bench(name, vendor=said(name, plan, key=None))
    with pytest.raises(Permanent, match=f"CRYPTO_{name.upper()}_API_KEY"):
        bench.land("history")
    assert stage.requests == 0


@pytest.mark.parametrize("name", dict(with_keys()))
def test_a_plan_that_nobody_has_is_a_sentence_that_names_those_there_are(open_bench: OpenBench, name: str) -> None:
    with pytest.raises(SettingsError, match=f"CRYPTO_{name.upper()}_PLAN .* {specimen_of(name).keyed_plans[-1]}"):
        open_bench(name, vendor={"plan": "platinum"})
