"""The sources against the simulated market, over HTTP: what they ask is given, and their days are the same days."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from crypto_platform.sandbox.clock import Clock, parse_moment
from crypto_platform.sandbox.server import RunningSandbox, Sandbox
from crypto_platform.settings import Settings, Vendor
from crypto_platform.sources import source_named
from crypto_platform.sources.base import BarDate, Source
from crypto_platform.sources.errors import Permanent
from crypto_platform.sources.http import Answer, Http

NOW = parse_moment("2026-11-20T23:59:30Z")
TODAY = date(2026, 11, 20)
DAY = timedelta(days=1)


@pytest.fixture(scope="module")
def running() -> Iterator[RunningSandbox]:
    with Sandbox(7, 300, clock=Clock(lambda: NOW)).serve() as running:
        yield running


Vendors = Callable[..., tuple[Source, Callable[[int, str, Mapping[str, str]], Answer]]]


@pytest.fixture
def vendor(running: RunningSandbox) -> Iterator[Vendors]:
    opened: list[Http] = []

    def make(name: str, mount: str | None = None, **said: object) -> Any:
        url = f"{running.url}/{mount or name}{source_named(name).base_path}"
        about = Vendor(url=url, **said)  # type: ignore[arg-type]
        settings = Settings(_env_file=None, max_retries=0, upstream="sandbox")  # type: ignore[call-arg]
        settings = settings.model_copy(update={"vendors": {name: about}})
        source = source_named(name).from_settings(settings)
        http = source.http(settings, lambda: datetime.fromtimestamp(NOW, UTC), lambda *_: None)
        opened.append(http)
        return source, lambda _page, path, params: http.get(path, params)

    yield make
    for http in opened:
        http.close()


def closes(vendor: Vendors, name: str, coin: str, first: date, last: date, **said: object) -> dict[date, float]:
    """What a source says the close of each day was, by its own convention, from its points at midnight."""
    source, ask = vendor(name, **said)
    points = source.history_points(source.history(ask, 1, coin, first, last).body).to_pylist()
    back = DAY if source.day_of is BarDate.PREVIOUS_DAY else timedelta(0)
    midnights = [point for point in points if point["observed_at"].time().isoformat() == "00:00:00"]
    return {point["observed_at"].date() - back: point["close_usd"] for point in midnights}


@pytest.mark.parametrize(("name", "coin"), [("coingecko", "ethereum"), ("coinpaprika", "eth-ethereum")])
def test_the_whole_history_of_the_free_plan_is_given_in_days(vendor: Vendors, name: str, coin: str) -> None:
    source, _ = vendor(name)
    first = source.first_day(TODAY)
    assert first is not None
    days = closes(vendor, name, coin, *source.span(first, TODAY, TODAY))
    assert min(days) == first
    assert len(days) > 355


@pytest.mark.parametrize(("name", "coin"), [("coingecko", "ethereum"), ("coinpaprika", "eth-ethereum")])
def test_a_week_is_given_in_days_and_agrees_with_yahoos(vendor: Vendors, name: str, coin: str) -> None:
    first, last = TODAY - 17 * DAY, TODAY - 10 * DAY
    source, _ = vendor(name)
    theirs, yahoos = closes(vendor, name, coin, first, last), closes(vendor, "yahoo", "ETH-USD", first, last)
    assert source.span(first, last, TODAY)[0] == min(theirs)
    shared = theirs.keys() & yahoos.keys()
    assert len(shared) >= 6
    assert all(theirs[day] == pytest.approx(yahoos[day], rel=0.005) for day in shared if yahoos[day])


def test_what_the_vendor_gives_for_today_is_a_point_of_its_own(vendor: Vendors) -> None:
    source, ask = vendor("coingecko")
    answer = source.history(ask, 1, "bitcoin", *source.span(TODAY - DAY, TODAY, TODAY))
    last = source.history_points(answer.body).to_pylist()[-1]
    assert last["observed_at"] == datetime.fromtimestamp(NOW, UTC)


@pytest.mark.parametrize("name", ["coingecko", "coinpaprika", "yahoo"])
def test_a_coin_that_nobody_knows_is_answered_with_a_404(vendor: Vendors, name: str) -> None:
    source, ask = vendor(name)
    assert source.history(ask, 1, "no-such-coin", TODAY - 9 * DAY, TODAY).status == 404


@pytest.mark.parametrize(("name", "coin"), [("coingecko", "bitcoin"), ("coinpaprika", "btc-bitcoin")])
def test_what_the_plan_does_not_reach_is_refused_and_a_paid_one_reaches_it(
    vendor: Vendors, name: str, coin: str
) -> None:
    source, ask = vendor(name)
    with pytest.raises(Permanent, match=r"(?i)not allowed in this plan|exceeds the allowed time range"):
        source.history(ask, 1, coin, date(2020, 1, 1), date(2020, 12, 31))
    paid = {"mount": f"{name}-pro", "api_key": "key", "plan": "paid"}
    assert len(closes(vendor, name, coin, date(2020, 1, 1), date(2020, 12, 31), **paid)) > 360


def test_the_snapshots_of_coinpaprika_are_all_its_tickers(vendor: Vendors) -> None:
    source, ask = vendor("coinpaprika", top=5)
    (answer,) = source.snapshot(ask)
    assert len(source.snapshot_rows(answer.body)) > 200


def test_the_lists_of_two_vendors_know_the_same_coins_by_the_same_contracts(
    vendor: Vendors, running: RunningSandbox
) -> None:
    known: dict[str, dict[str, set[str]]] = {}
    for name in ("coingecko", "coinpaprika"):
        source, ask = vendor(name)
        rows = source.coin_list(list(source.coins(ask))).to_pylist()
        known[name] = {row["source_asset_id"]: set(row["known_as"]) for row in rows}
    both = [coin for coin in running.sandbox.market.coins if coin.coinpaprika in known["coinpaprika"] and coin.chains]
    assert len(both) > 100
    for coin in both:
        assert known["coinpaprika"][str(coin.coinpaprika)] == known["coingecko"][coin.coingecko] != set()


def test_a_kept_list_reads_the_same_again(vendor: Vendors) -> None:
    source, ask = vendor("coinpaprika")
    answers = list(source.coins(ask))
    assert {200, 404} == {answer.status for answer in answers}
    assert source.coin_list(answers).equals(source.coin_list(answers))
