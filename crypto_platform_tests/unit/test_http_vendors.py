"""What the settings make of a source: its plan, host, key and budget, against a server on this machine."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from scripted_server import COINS, Server

from crypto_platform.settings import Settings, SettingsError, Vendor
from crypto_platform.sources import source_named
from crypto_platform.sources.base import RateBudget, Source
from crypto_platform.sources.errors import Permanent
from crypto_platform.sources.http import Http

SECRET = "CG-very-secret"  # noqa: S105 - it opens nothing


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    yield server
    server.close()


def settings_of(source: str, upstream: str = "live", **said: object) -> Settings:
    """Settings that say this of one vendor, and that nothing around the tests says more to."""
    vendor = Vendor(**said)  # type: ignore[arg-type]
    settings = Settings(_env_file=None, max_retries=0, rate_limit_delay=0, upstream=upstream)  # type: ignore[call-arg, arg-type]
    return settings.model_copy(update={"vendors": {source: vendor}})


def source_of(source: str, upstream: str = "live", **said: object) -> Source:
    return source_named(source).from_settings(settings_of(source, upstream, **said))


@pytest.fixture
def client(server: Server) -> Iterator[Callable[..., Http]]:
    made: list[Http] = []

    def make(source: str, *, permit: Callable[[], float] = lambda: 0.0, **said: object) -> Http:
        settings = settings_of(source, **({"url": server.url} | said))  # type: ignore[arg-type]
        clock = lambda: datetime(2026, 3, 9, tzinfo=UTC)  # noqa: E731
        vendor = source_named(source).from_settings(settings)
        made.append(vendor.http(settings, clock, lambda *_: None, permit, sleep=lambda _: None))
        return made[-1]

    yield make
    for http in made:
        http.close()


@pytest.mark.parametrize(
    ("source", "said", "header"),
    [
        ("coingecko", {}, None),
        ("coingecko", {"api_key": f" {SECRET}\n"}, "x-cg-demo-api-key"),
        ("coingecko", {"api_key": SECRET, "plan": "paid"}, "x-cg-pro-api-key"),
        ("coingecko", {"api_key": SECRET, "plan": "keyless"}, None),
        ("coinpaprika", {}, None),
        ("coinpaprika", {"api_key": f" {SECRET}\n"}, "authorization"),
        ("coinpaprika", {"api_key": SECRET, "plan": " Paid "}, "authorization"),
        ("coinpaprika", {"api_key": SECRET, "plan": "free"}, None),
    ],
)
def test_each_plan_sends_its_own_header(
    server: Server, client: Callable[..., Http], source: str, said: dict[str, str], header: str | None
) -> None:
    assert client(source, **said).get("/tickers").body == COINS
    sent = {name: value for name, value in server.asked[0][1].items() if value == SECRET}
    assert sent == ({header: SECRET} if header else {})


@pytest.mark.parametrize("source", ["coingecko", "coinpaprika"])
@pytest.mark.parametrize("said", [{"plan": "paid"}, {"api_key": f"{SECRET}\nX: y"}])
def test_a_key_that_is_missing_or_mangled_is_told_before_anything_is_asked(
    client: Callable[..., Http], source: str, said: dict[str, str]
) -> None:
    with pytest.raises(Permanent, match=f"CRYPTO_{source.upper()}_API_KEY") as caught:
        client(source, **said)
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize(("source", "plans"), [("coingecko", "keyless, demo or paid"), ("coinpaprika", "free or paid")])
def test_a_plan_that_nobody_knows_is_told_with_those_there_are(source: str, plans: str) -> None:
    with pytest.raises(SettingsError, match=rf"CRYPTO_{source.upper()}_PLAN .* can be {plans} \(got 'gold'\)\."):
        source_of(source, plan="gold")


@pytest.mark.parametrize(
    ("source", "said", "budget"),
    [
        ("coingecko", {}, RateBudget(10, 10_000)),
        ("coingecko", {"api_key": SECRET}, RateBudget(30, 10_000)),
        ("coingecko", {"plan": "paid"}, RateBudget(500, 500_000)),
        ("coinpaprika", {}, RateBudget(60, 20_000)),
        ("coinpaprika", {"api_key": SECRET}, RateBudget(600, None)),
        ("yahoo", {}, RateBudget(120, None)),
    ],
)
def test_each_plan_has_its_budget_and_what_is_said_goes_before_it(
    source: str, said: dict[str, object], budget: RateBudget
) -> None:
    assert source_of(source, **said).budget == budget
    assert source_of(source, **said, per_minute=7, per_month=0).budget == RateBudget(7, 0)


@pytest.mark.parametrize("source", ["coingecko", "coinpaprika", "yahoo"])
def test_the_simulated_market_is_asked_as_fast_as_it_answers_unless_a_pace_is_said(source: str) -> None:
    live = source_of(source).budget
    assert source_of(source, "sandbox").budget == replace(live, per_minute=None)
    assert source_of(source, "sandbox", per_minute=7).budget == replace(live, per_minute=7)


def test_another_budget_is_no_other_source_to_those_who_remember_what_was_asked() -> None:
    assert repr(source_of("coingecko")) == repr(source_of("coingecko", per_minute=7, per_month=7))
    assert repr(source_of("coingecko")) != repr(source_of("coingecko", top=7))


def test_the_number_of_coins_is_what_is_said_or_one_page() -> None:
    assert [getattr(source_of("coingecko", **said), "top", None) for said in ({}, {"top": 7})] == [250, 7]


@pytest.mark.parametrize(("source", "path"), [("coingecko", "/api/v3"), ("coinpaprika", "/v1"), ("yahoo", "")])
def test_each_vendors_base_path_is_told(source: str, path: str) -> None:
    assert source_named(source).base_path == path


@pytest.mark.parametrize("source", ["coingecko", "coinpaprika", "yahoo"])
def test_a_permit_is_asked_for_before_every_request(server: Server, client: Callable[..., Http], source: str) -> None:
    def none_left() -> float:
        raise Permanent("The month's budget is spent.")

    with pytest.raises(Permanent, match="budget is spent"):
        client(source, permit=none_left).get("/tickers")
    assert server.asked == []


def test_yahoo_is_asked_as_a_browser_asks(server: Server, client: Callable[..., Http]) -> None:
    server.script = [(418, {}, b"")]
    with pytest.raises(Permanent, match="418"):
        client("yahoo").get("/v8/finance/chart/BTC-USD")
    assert "Chrome" in server.asked[0][1]["user-agent"]
