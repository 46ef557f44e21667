"""What a backfill of history would ask: for which days, how often, how long, and when it is refused."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from crypto_platform.planner import (
    Coins,
    Plan,
    PlanError,
    Skipped,
    Wanted,
    plan_of,
    reaches,
    refuse_overspending,
)
from crypto_platform.settings import load_settings
from crypto_platform.sources.base import RateBudget, Source
from crypto_platform.sources.coingecko import CoinGecko
from crypto_platform.sources.coinpaprika import CoinPaprika
from crypto_platform.sources.yahoo import Yahoo

TODAY = date(2026, 11, 20)
A_YEAR_AGO = CoinGecko().first_day(TODAY) or TODAY
FREE = [CoinGecko(), CoinPaprika(), Yahoo()]


def reached(first: date, last: date, *sources: Source) -> dict[str, tuple[date, date]]:
    found, _ = reaches(Wanted(first, last), sources, TODAY)
    return {name: (reach.first, reach.last) for name, reach in found.items()}


def planned(sources: list[Source], coins: dict[str, Coins], left: int | None = None, delay: float = 0.5) -> Plan:
    found, skipped = reaches(Wanted(date(2026, 10, 1), TODAY), sources, TODAY)
    return plan_of(sources, found, skipped, coins, lambda _: left, delay)


def some(count: int) -> Coins:
    return Coins(tuple(f"coin-{number}" for number in range(count)))


def test_whole_months_are_asked_for_and_no_day_to_come() -> None:
    assert reached(date(2026, 1, 15), date(2026, 3, 2), Yahoo()) == {"yahoo": (date(2026, 1, 1), date(2026, 3, 31))}
    assert reached(date(2026, 11, 3), date(2026, 11, 4), Yahoo()) == {"yahoo": (date(2026, 11, 1), TODAY)}


def test_a_plan_that_serves_the_tail_is_asked_for_the_tail_and_says_so() -> None:
    found, skipped = reaches(Wanted(date(2020, 1, 1), TODAY), FREE, TODAY)
    assert skipped == []
    assert {name: reach.serves_from for name, reach in found.items()} == {
        "coingecko": A_YEAR_AGO,
        "coinpaprika": CoinPaprika().first_day(TODAY),
        "yahoo": None,
    }
    plan = plan_of(FREE, found, skipped, dict.fromkeys(found, some(1)), lambda _: None, 0)
    assert plan.parts[0].remarks == (f"it serves nothing before {A_YEAR_AGO}, so it is asked for what follows only",)
    assert plan.parts[2].remarks == ()


def test_a_source_whose_plan_serves_none_of_it_is_skipped_with_the_reason() -> None:
    found, skipped = reaches(Wanted(date(2020, 1, 1), date(2020, 12, 31)), FREE, TODAY)
    assert list(found) == ["yahoo"]
    assert skipped[0] == Skipped("coingecko", f"its plan serves history from {A_YEAR_AGO} on")


def test_where_nobody_serves_any_of_it_the_sentence_says_why() -> None:
    with pytest.raises(
        PlanError, match=r"Nobody can be asked for 2020-01-01 to 2020-12-31: coingecko: its plan serves"
    ):
        reaches(Wanted(date(2020, 1, 1), date(2020, 12, 31), "coingecko"), [CoinGecko()], TODAY)


def test_days_of_a_month_that_the_plan_serves_only_later_are_not_served() -> None:
    before = A_YEAR_AGO - timedelta(days=1)
    assert before.month == A_YEAR_AGO.month
    with pytest.raises(PlanError, match="Nobody can be asked"):
        reached(before.replace(day=1), before, CoinGecko())
    assert reached(before, A_YEAR_AGO, CoinGecko())["coingecko"][0] == A_YEAR_AGO


def test_the_months_that_a_wider_answer_brings_are_planned_too() -> None:
    assert reached(date(2026, 10, 1), date(2026, 10, 31), CoinGecko()) == {
        "coingecko": (date(2026, 7, 1), date(2026, 10, 31))
    }


def test_where_an_answer_holds_too_few_points_the_last_whole_months_are_planned() -> None:
    paid = CoinPaprika("paid")
    (first, last) = reached(date(2011, 1, 1), TODAY, paid)["coinpaprika"]
    assert (first.day, last) == (1, TODAY)
    assert (date(2026, 11, 30) - first).days < 5_000 <= (date(2026, 11, 30) - first).days + 31


def test_a_source_that_knows_none_of_the_coins_is_skipped() -> None:
    coins = {"coingecko": some(3), "coinpaprika": Coins((), ("dead",)), "yahoo": Coins(())}
    plan = planned(FREE, coins)
    assert [part.source for part in plan.parts] == ["coingecko"]
    assert plan.skipped == (
        Skipped("coinpaprika", "it does not know dead"),
        Skipped("yahoo", "it has no coins worth asking for"),
    )
    with pytest.raises(PlanError, match="Nobody can be asked: yahoo: it has no coins worth asking for"):
        planned([Yahoo()], coins)


def test_a_coin_that_only_some_of_the_sources_know_is_told_of() -> None:
    plan = planned(FREE, {"coingecko": Coins(("bitcoin",), ("dead",)), "yahoo": Coins(("BTC-USD", "DEAD-USD"))})
    assert [(part.source, part.calls, part.remarks) for part in plan.parts] == [
        ("coingecko", 1, ("it does not know dead",)),
        ("yahoo", 2, ()),
    ]


@pytest.mark.parametrize(("per_minute", "minutes"), [(1, 2032.3), (3, 677.4), (4, 666.3), (30, 99.5), (600, 4.5)])
def test_the_minutes_are_those_of_the_budgets_pace(per_minute: int, minutes: float) -> None:
    """A third of a minute's calls at once, and the others evenly; below four one by one."""
    (part,) = planned([CoinGecko(budget=RateBudget(per_minute, None))], {"coingecko": some(2_000)}, delay=0).parts
    assert part.minutes == minutes


def test_the_pause_between_requests_counts_where_it_is_longer_than_the_vendors_pace() -> None:
    (part,) = planned([Yahoo(RateBudget(None, None))], {"yahoo": some(121)}).parts
    assert part.minutes == 1.0
    (part,) = planned([CoinGecko(budget=RateBudget(600, None))], {"coingecko": some(121)}, delay=2).parts
    assert part.minutes == 4.0


def test_a_month_that_cannot_pay_for_the_calls_is_refused_with_what_is_left() -> None:
    plan = planned([CoinGecko()], {"coingecko": some(1_200)}, left=1_199)
    with pytest.raises(
        PlanError,
        match=r"coingecko would be asked 1,200 times, and of its 10,000 calls a month 1,199 are left; "
        r"they start anew on 2026-12-01\. Nothing was asked.* CRYPTO_COINGECKO_PER_MONTH",
    ):
        refuse_overspending(plan, TODAY)
    refuse_overspending(planned([CoinGecko()], {"coingecko": some(1_200)}, left=1_200), TODAY)
    refuse_overspending(planned([Yahoo()], {"yahoo": some(1_200)}, left=None), TODAY)


def test_the_share_is_of_the_whole_months_budget() -> None:
    (part,) = planned([CoinGecko()], {"coingecko": some(250)}, left=9_000).parts
    assert (part.share_pct, part.left, part.per_month) == (2.5, 9_000, 10_000)
    (part,) = planned([Yahoo(RateBudget(None, None))], {"yahoo": some(250)}).parts
    assert part.share_pct is None


def test_the_plan_is_that_of_the_settings() -> None:
    settings = load_settings(_env_file=None).with_vendor("coingecko", plan="paid")
    assert reached(date(2018, 1, 1), TODAY, CoinGecko.from_settings(settings))["coingecko"][0] == date(2018, 1, 1)
