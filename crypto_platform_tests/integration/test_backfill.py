"""A backfill of history: planned before anybody is asked, by the coin if need be, adding and never taking away."""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from pipelines import NOW, Market, OpenPipeline, Pipeline

from crypto_platform.cli import console
from crypto_platform.cli.console import UserError
from crypto_platform.cli.history import backfill_history
from crypto_platform.planner import PlanError, Wanted
from crypto_platform.runner import dagster_environment, open_runner
from crypto_platform.sandbox.faults import Rule
from crypto_platform.tables import CROSSWALK, RAW_HISTORY

OCTOBER = (date(2026, 10, 1), date(2026, 10, 31))
AUTUMN = (date(2026, 9, 1), date(2026, 11, 20))


def backfill(
    pipeline: Pipeline, *coins: str, source: str | None = "yahoo", days: tuple[date, date] = OCTOBER, yes: bool = True
) -> dict[str, Any]:
    names = [source] if source else ["coingecko", "coinpaprika", "yahoo"]
    return backfill_history(pipeline.runner, names, Wanted(*days, source), coins, yes=yes, as_json=True)


def bars(pipeline: Pipeline, but: str = "") -> list[dict[str, Any]]:
    return pipeline.asked(f"from historic_prices where source_asset_id <> '{but}' order by all")


def asked_for(market: Market, vendor: str) -> int:
    return sum(count for _, _, count in market.requests(vendor))


def test_a_backfill_of_one_coin_leaves_all_others_as_they_are(filled: Pipeline, market: Market) -> None:
    before, others = filled.objects(), bars(filled, but="BTC-USD")
    assert {row["source_asset_id"] for row in others} == {"ETH-USD", "USDT-USD"}
    mine = len(filled.asked("from historic_prices where source_asset_id = 'BTC-USD'"))
    told = backfill(filled, "bitcoin")
    assert (told["landed"][0]["answers"], told["failed"]) == (1, {})
    assert asked_for(market, "yahoo") == 1
    assert bars(filled, but="BTC-USD") == others
    assert len(filled.asked("from historic_prices where source_asset_id = 'BTC-USD'")) == mine
    after = filled.objects()
    assert {key: after[key] for key in before if key.startswith("raw_")} == {
        key: digest for key, digest in before.items() if key.startswith("raw_")
    }


def test_a_backfill_of_some_days_leaves_all_other_months_as_they_are(filled: Pipeline) -> None:
    before = filled.objects()
    backfill(filled)
    changed = {key for key, digest in filled.objects().items() if before.get(key) != digest}
    assert {key.partition("month=")[2][:7] for key in changed} == {"2026-10"}


def test_without_coins_the_universe_is_asked_for(pipeline: Pipeline, market: Market) -> None:
    (part,) = backfill(pipeline)["plan"]["sources"]
    assert part["coins"] == ("BTC-USD", "ETH-USD", "USDT-USD")
    assert asked_for(market, "yahoo") == part["calls"] == 3


def test_a_lake_without_a_crosswalk_gets_one_first(pipeline: Pipeline) -> None:
    assert not pipeline.lake.slice(CROSSWALK).objects
    backfill(pipeline, "bitcoin")
    assert pipeline.lake.slice(CROSSWALK).objects


def test_a_coin_may_be_named_by_its_asset_or_by_the_vendors_id(pipeline: Pipeline) -> None:
    (part,) = backfill(pipeline, "bitcoin", "yahoo:ETH-USD", "yahoo:BTC-USD")["plan"]["sources"]
    assert part["coins"] == ("BTC-USD", "ETH-USD")


def test_an_id_that_has_ended_can_still_be_asked_for(pipeline: Pipeline, market: Market) -> None:
    market.set_clock(NOW.replace(month=5, day=20))
    pipeline.coins("coingecko", "coinpaprika")
    market.set_clock(NOW)
    pipeline.coins("coingecko", "coinpaprika")
    (coin,) = pipeline.asked(
        "from crosswalk where source = 'coingecko' and valid_to is not null and known_to is null and method <> 'alone'"
    )
    for name in (coin["asset_id"], f"coingecko:{coin['source_asset_id']}"):
        plan = backfill(pipeline, name, source="coingecko")["plan"]
        assert plan["sources"][0]["coins"] == (coin["source_asset_id"],)


def test_an_id_that_nothing_lists_is_asked_for_and_the_vendors_silence_told(pipeline: Pipeline) -> None:
    told = backfill(pipeline, "bitcoin", "yahoo:XYZ-USD")
    assert told["landed"][0]["gave_nothing"] == ["XYZ-USD"]


@pytest.mark.parametrize(
    ("coin", "sentence"),
    [
        ("btc", "Nobody knows a coin 'btc'. Name it by its asset id"),
        ("nobody:btc", "Nobody knows a coin 'nobody:btc'"),
        ("csv:btc", "Nobody knows a coin 'csv:btc'"),
        ("yahoo:", "Nobody knows a coin 'yahoo:'"),
        ("yahoo:BTC USD", "'BTC USD' is no id that yahoo could be asked for"),
        ("coingecko:bitcoin", "Nobody can be asked: yahoo: it does not know coingecko:bitcoin"),
    ],
)
def test_a_coin_that_cannot_be_asked_for_is_refused_before_any_call(
    pipeline: Pipeline, market: Market, coin: str, sentence: str
) -> None:
    with pytest.raises(PlanError) as refused:
        backfill(pipeline, coin)
    assert sentence in str(refused.value)
    assert asked_for(market, "yahoo") == 0
    assert not pipeline.lake.whole(RAW_HISTORY).objects


def test_a_named_source_whose_plan_serves_none_of_the_days_is_refused_before_any_call(
    pipeline: Pipeline, market: Market
) -> None:
    with pytest.raises(PlanError, match="coingecko: its plan serves history from 2025-11-21 on"):
        backfill(pipeline, source="coingecko", days=(date(2024, 1, 1), date(2024, 12, 31)))
    assert asked_for(market, "coingecko") == 0
    assert not pipeline.lake.slice(CROSSWALK).objects


def test_the_vendors_that_serve_the_days_are_asked_and_the_others_named(pipeline: Pipeline) -> None:
    plan = backfill(pipeline, source=None, days=(date(2024, 12, 1), date(2024, 12, 31)))["plan"]
    assert [part["source"] for part in plan["sources"]] == ["yahoo"]
    assert [each["source"] for each in plan["skipped"]] == ["coingecko", "coinpaprika"]


def test_what_the_months_budget_cannot_pay_is_refused_before_any_call(
    open_pipeline: OpenPipeline, market: Market
) -> None:
    pipeline = open_pipeline(vendors={"yahoo": {"per_month": 2}})
    with pytest.raises(PlanError, match="yahoo would be asked 3 times, and of its 2 calls a month 2 are left"):
        backfill(pipeline)
    assert asked_for(market, "yahoo") == 0
    plan = backfill(pipeline, "bitcoin")["plan"]
    assert (plan["sources"][0]["left"], plan["sources"][0]["share_pct"]) == (2, 50.0)
    assert backfill(pipeline, "bitcoin")["plan"]["sources"][0]["left"] == 1


def test_nobody_is_asked_unless_somebody_agreed(
    pipeline: Pipeline, market: Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(UserError, match="add --yes"):
        backfill(pipeline, yes=False)
    monkeypatch.setattr(console, "on_a_terminal", lambda: True)
    monkeypatch.setattr("click.confirm", lambda *_, **__: False)
    with pytest.raises(UserError, match="Nothing was done"):
        backfill(pipeline, yes=False)
    assert asked_for(market, "yahoo") == 0
    monkeypatch.setattr("click.confirm", lambda *_, **__: True)
    backfill(pipeline, yes=False)
    assert asked_for(market, "yahoo") == 3


def test_a_source_that_fails_holds_up_no_other_and_nothing_is_lost_of_what_is_printed(
    pipeline: Pipeline, market: Market, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """On the home's own Dagster storage: several runs at once are too much for the one in memory."""
    for name in dagster_environment(pipeline.platform):
        monkeypatch.setenv(name, "")  # put back afterwards
    market.fails(Rule("500", "yahoo"))
    with open_runner(pipeline.platform) as runner:
        told = backfill(replace(pipeline, runner=runner), source=None, days=AUTUMN)
    os.write(1, b"the end")
    assert capfd.readouterr().out.endswith("the end")
    assert list(told["failed"]) == ["yahoo"]
    assert "500" in told["failed"]["yahoo"]
    assert [row["source"] for row in told["landed"]] == ["coingecko", "coinpaprika"]
    assert {row["source"] for row in bars(pipeline)} == {"coingecko", "coinpaprika"}


def test_every_month_that_an_answer_brings_is_derived(pipeline: Pipeline) -> None:
    """CoinGecko gives daily points for more than 90 days only, so one month brings others along."""
    (part,) = backfill(pipeline, "bitcoin", source="coingecko")["plan"]["sources"]
    assert part["first"] == date(2026, 7, 1)
    (days,) = pipeline.asked("select min(bar_date) as first, max(bar_date) as last from historic_prices")
    assert (days["first"], days["last"]) == (date(2026, 7, 1), date(2026, 10, 31))
