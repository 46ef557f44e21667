"""The clients that the sources make for themselves: hosts, headers and keys, against a server on this machine."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import pytest
from scripted_server import COINS, Server

from crypto_platform.settings import Settings
from crypto_platform.sources import source_named
from crypto_platform.sources.errors import Permanent
from crypto_platform.sources.http import Http

SECRET = "CG-very-secret"  # noqa: S105 - it opens nothing


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    yield server
    server.close()


@pytest.fixture
def client(server: Server, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Http]:
    monkeypatch.delenv("COINGECKO_API_KEY", raising=False)

    def make(source: str, **given: object) -> Http:
        urls = {"coingecko_url": server.url, "yahoo_url": server.url}
        settings = Settings(_env_file=None, max_retries=0, **(urls | given))  # type: ignore[arg-type, call-arg]
        clock = lambda: datetime(2026, 3, 9, tzinfo=UTC)  # noqa: E731
        return source_named(source).from_settings(settings).http(settings, clock, lambda *_: None)

    return make


@pytest.mark.parametrize(
    ("given", "header"),
    [
        ({}, None),
        ({"coingecko_api_key": f" {SECRET}\n"}, "x-cg-demo-api-key"),
        ({"coingecko_api_key": SECRET, "coingecko_plan": "paid"}, "x-cg-pro-api-key"),
        ({"coingecko_api_key": SECRET, "coingecko_plan": "keyless"}, None),
    ],
)
def test_each_plan_sends_its_own_header(
    server: Server, client: Callable[..., Http], given: dict[str, str], header: str | None
) -> None:
    assert client("coingecko", **given).get("/coins/markets").body == COINS
    sent = {name: value for name, value in server.asked[0][1].items() if name.startswith("x-cg-")}
    assert sent == ({header: SECRET} if header else {})


@pytest.mark.parametrize("given", [{"coingecko_plan": "paid"}, {"coingecko_api_key": f"{SECRET}\nX: y"}])
def test_a_key_that_is_missing_or_mangled_is_told_before_anything_is_asked(
    client: Callable[..., Http], given: dict[str, str]
) -> None:
    with pytest.raises(Permanent, match="CRYPTO_COINGECKO_API_KEY") as caught:
        client("coingecko", **given)
    assert SECRET not in str(caught.value)


def test_yahoo_is_asked_as_a_browser_asks(server: Server, client: Callable[..., Http]) -> None:
    server.script = [(418, {}, b"")]
    with pytest.raises(Permanent, match="418"):
        client("yahoo").get("/v8/finance/chart/BTC-USD")
    assert "Chrome" in server.asked[0][1]["user-agent"]
