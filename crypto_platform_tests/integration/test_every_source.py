"""Every vendor through the whole pipeline: what the ledger says, what is asked again, what a plan and a budget allow.

What its answers become, whatever is in them, the suite in `contract/test_source_conformance*.py` tells.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from pipelines import NOW, Market, OpenPipeline, Pipeline

from crypto_platform.lake.landed import Kind
from crypto_platform.runner import RunFailedError
from crypto_platform.sandbox.faults import Rule
from crypto_platform.sources import asked
from crypto_platform.tables import RAW_COINS, RAW_HISTORY, RAW_SNAPSHOTS, Partition

KINDS: list[tuple[str, Kind]] = [
    *((name, "snapshot") for name in asked("snapshots")),
    *((name, "history") for name in asked("history")),
    *((name, "coins") for name in asked("coins")),
]
MONTHS = ["2026-09", "2026-10"]
LARGE = {"coingecko": {"top": 300}}
"""Settings that make a snapshot of more than one page."""
kinds = pytest.mark.parametrize(("name", "kind"), KINDS)
histories = pytest.mark.parametrize("name", asked("history"))


def land(pipeline: Pipeline, name: str, kind: Kind) -> None:
    """One raw batch of a kind."""
    table = {"snapshot": RAW_SNAPSHOTS, "history": RAW_HISTORY, "coins": RAW_COINS}[kind]
    partitions = [Partition(month) for month in MONTHS] if kind == "history" else [pipeline.today]
    pipeline.runner.run([(table, name)], partitions)


def batches(pipeline: Pipeline, name: str) -> list[tuple[Any, ...]]:
    return pipeline.rows(
        f"select status, tries, pages, rows, error from ops.batches where source = '{name}' order by started_at"
    )


def requests(market: Market, name: str) -> int:
    return sum(count for _, _, count in market.requests(name))


@kinds
def test_a_vendor_that_fails_is_in_the_ledger_with_its_own_words(
    pipeline: Pipeline, market: Market, name: str, kind: Kind
) -> None:
    market.fails(Rule(kind="500", vendor=name))
    with pytest.raises(RunFailedError) as caught:
        land(pipeline, name, kind)
    ((status, tries, pages, rows, error),) = batches(pipeline, name)
    assert (status, tries, pages, rows) == ("failure", 1, 0, 0)
    assert error.startswith(f"{name} answered 500 Internal Server Error to http://")
    assert "internal server error" in error.rpartition("/")[2].lower(), "the vendor's own words"
    assert str(caught.value).startswith(error)
    assert pipeline.objects() == {}
    assert len(pipeline.answers(name)) == 1
    ((last_error, failures),) = pipeline.rows(
        f"select last_error, failures from public.checkpoints where source = '{name}'"
    )
    assert (last_error, failures) == (error, 1)


@kinds
def test_the_next_run_goes_on_where_the_last_one_died(
    open_pipeline: OpenPipeline, market: Market, name: str, kind: Kind
) -> None:
    pipeline = open_pipeline(vendors=LARGE)
    market.fails(Rule(kind="500", vendor=name, after=1))
    try:
        land(pipeline, name, kind)
        one_page = True
    except RunFailedError:
        one_page = False
    first = market.requests(name)
    market.fails()
    market.forget()
    market.set_clock(NOW + timedelta(minutes=5))
    land(pipeline, name, kind)
    if one_page:
        assert requests(market, name) == 1, "another batch"
        return
    ((status, tries, pages, rows, error),) = batches(pipeline, name)
    assert (status, tries, error) == ("success", 2, None)
    assert requests(market, name) == pages - 1
    assert rows > 0
    ((path, _, _),) = (row for row in first if row[1] == "200")
    if kind == "history":
        assert path not in {row[0] for row in market.requests(name)}


@histories
def test_a_spent_budget_ends_the_batch_before_the_call_and_a_raised_one_goes_on_with_it(
    open_pipeline: OpenPipeline, market: Market, name: str
) -> None:
    poor = open_pipeline(vendors={name: {"per_month": 2}})
    with pytest.raises(RunFailedError, match=rf"{name}'s budget of 2 calls for 20.* is used up"):
        land(poor, name, "history")
    assert requests(market, name) == 2
    assert poor.objects() == {}
    rich = open_pipeline(vendors={name: {"per_month": 3}})
    land(rich, name, "history")
    assert requests(market, name) == 3
    ((status, tries, pages, _, _),) = batches(rich, name)
    assert (status, tries, pages) == ("success", 2, 3)
    assert rich.platform.budgets.spent(name) == 3


@pytest.mark.parametrize("name", [name for name in asked("history") if name != "yahoo"])
def test_days_before_what_the_plan_serves_are_never_asked_for(
    open_pipeline: OpenPipeline, market: Market, name: str
) -> None:
    pipeline = open_pipeline()
    earliest = pipeline.platform.source(name).first_day(NOW.date())
    assert earliest is not None
    with pytest.raises(RunFailedError, match=f"serves history from {earliest} on"):
        pipeline.history_of(name, "2024-05", "2024-06")
    assert requests(market, name) == 0
    assert batches(pipeline, name) == []
    pipeline.history_of(name, f"{earliest:%Y-%m}")
    ((first_day,),) = pipeline.rows(f"select first_day from ops.batches where source = '{name}'")
    assert first_day == earliest


@histories
def test_a_coin_that_the_vendor_does_not_know_fails_nothing(pipeline: Pipeline, market: Market, name: str) -> None:
    known = pipeline.platform.source(name).name
    coins = {"coingecko": "bitcoin", "coinpaprika": "btc-bitcoin", "yahoo": "BTC-USD"}[known]
    pipeline.history_of(name, *MONTHS, tags={"crypto/coins": f"nobody-knows-it {coins}"})
    ((status, _, pages, rows, error),) = batches(pipeline, name)
    assert (status, pages, error) == ("success", 2, None)
    assert rows > 0
    assert pipeline.rows(f"select distinct source_asset_id from silver.historic_prices where source = '{name}'") == [
        (coins,)
    ]
