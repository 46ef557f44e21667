"""The vendors' lists of coins: each id once, odd ones as they are, with the contracts that other vendors know too."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from crypto_platform.sources.base import Source
from crypto_platform.sources.coin_lists import SCHEMA
from crypto_platform.sources.coingecko import CoinGecko
from crypto_platform.sources.coinpaprika import CoinPaprika
from crypto_platform.sources.errors import Permanent, RateLimited, Transient, UpstreamError
from crypto_platform.sources.http import Answer


def answer(path: str, body: object, status: int = 200) -> Answer:
    encoded = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Answer(f"https://vendor.test{path}", status, {}, encoded, datetime(2026, 3, 9, tzinfo=UTC))


def listed(source: Source, *answers: Answer) -> dict[str, dict[str, Any]]:
    for one in answers:
        source.judge(one)
    table = source.coin_list(answers)
    assert table.schema == SCHEMA
    rows = table.to_pylist()
    assert len({row["source_asset_id"] for row in rows}) == len(rows)
    return {row.pop("source_asset_id"): row for row in rows}


def gecko(*coins: object) -> dict[str, dict[str, Any]]:
    return listed(CoinGecko(), answer("/api/v3/coins/list?include_platform=true", list(coins)))


def test_coingecko_is_asked_for_its_coins_with_their_platforms() -> None:
    asked: list[tuple[object, ...]] = []

    def ask(*question: object) -> Answer:
        asked.append(question)
        return answer("/coins/list", [])

    assert len(list(CoinGecko().coins(ask))) == 1
    assert asked == [(1, "/coins/list", {"include_platform": "true"})]


def test_odd_ids_and_empty_symbols_and_names_stay_as_they_are() -> None:
    coins = gecko({"id": "_", "symbol": "", "name": ""}, {"id": "-10", "symbol": "X", "name": " "}, {"id": "x"})
    assert coins["_"] == {"symbol": "", "name": "", "is_active": True, "known_as": []}
    assert (coins["-10"]["symbol"], coins["-10"]["name"]) == ("X", " ")
    assert (coins["x"]["symbol"], coins["x"]["name"]) == (None, None)


def test_a_list_without_platforms_is_read_too() -> None:
    assert gecko({"id": "bitcoin", "symbol": "btc", "name": "Bitcoin", "platforms": None})["bitcoin"]["known_as"] == []


def test_contracts_are_named_by_their_chain_and_hexadecimal_ones_in_lower_case() -> None:
    platforms = {"solana": "EPjFWdd5Aufq", "ethereum": " 0xAbC1 ", "base": "", "": "", "tron": None, "near": "0XAB"}
    coins = gecko({"id": "usd-coin", "symbol": "usdc", "name": "USDC", "platforms": platforms})
    assert coins["usd-coin"]["known_as"] == ["ethereum:0xabc1", "near:0xab", "solana:EPjFWdd5Aufq"]


def test_an_id_given_twice_is_the_first_and_what_has_no_id_is_no_coin() -> None:
    coins = gecko({"id": "a", "name": "first"}, {"id": "a", "name": "second"}, {"name": "none"}, {"id": ""}, None, 7)
    assert {coin: row["name"] for coin, row in coins.items()} == {"a": "first"}


PAPRIKA = [
    {"id": "btc-bitcoin", "symbol": "BTC", "name": "Bitcoin", "is_active": True, "rank": 1},
    {"id": "usdc-usd-coin", "symbol": "USDC", "name": "USDC", "is_active": True},
    {"id": "old-old", "symbol": "OLD", "name": "Old", "is_active": False},
    {"id": "new-new", "symbol": "NEW", "name": "New", "is_active": ""},
]


def test_coinpaprika_is_asked_for_its_coins_and_then_for_the_contracts_of_the_large_platforms() -> None:
    asked: list[tuple[Any, ...]] = []

    def ask(*question: object) -> Answer:
        asked.append(question)
        return answer(str(question[1]), [])

    list(CoinPaprika().coins(ask))
    assert asked[0] == (1, "/coins", {})
    assert [page for page, *_ in asked] == list(range(1, len(asked) + 1))
    assert all(path.startswith("/contracts/") and not params for _, path, params in asked[1:])
    assert {"/contracts/eth-ethereum", "/contracts/sol-solana"} <= {path for _, path, _ in asked}
    assert len(asked) <= 15


def test_contracts_are_merged_into_the_list_under_coingeckos_names_of_the_chains() -> None:
    coins = listed(
        CoinPaprika(),
        answer("/v1/coins", PAPRIKA),
        answer(
            "/v1/contracts/eth-ethereum",
            [
                {"address": "0xA0B8", "id": "usdc-usd-coin", "type": "ERC20", "active": True},
                {"address": "0xa0b8", "id": "usdc-usd-coin", "type": "ERC20"},
                {"address": "0x01d", "id": "old-old", "type": "ERC20", "active": False},
                {"address": "", "id": "btc-bitcoin", "type": "ERC20"},
                {"address": "0x5", "id": "not-listed", "type": "ERC20"},
                {"address": "0x6", "id": None},
            ],
        ),
        answer("/v1/contracts/sol-solana", [{"address": "EPjF", "id": "usdc-usd-coin"}]),
    )
    assert {coin: row["known_as"] for coin, row in coins.items() if row["known_as"]} == {
        "usdc-usd-coin": ["ethereum:0xa0b8", "solana:EPjF"]
    }
    assert [coins[str(coin["id"])]["is_active"] for coin in PAPRIKA] == [True, True, False, None]


@pytest.mark.parametrize("status", [402, 404])
def test_a_platform_that_is_unknown_or_not_in_the_plan_is_skipped(status: int) -> None:
    refused = answer("/v1/contracts/base-base", b'{"error":"id not found"}', status)
    assert len(listed(CoinPaprika(), answer("/v1/coins", PAPRIKA), refused)) == len(PAPRIKA)


@pytest.mark.parametrize(
    ("path", "body", "status", "kind"),
    [
        ("/v1/contracts/base-base", b"", 500, Transient),
        ("/v1/contracts/base-base", b'{"error":"too many requests"}', 429, RateLimited),
        ("/v1/contracts/base-base", b"<html>", 200, Transient),
        ("/v1/coins", b'{"error":"not found"}', 404, Permanent),
        ("/v1/coins", b'{"error":"not in your plan"}', 402, Permanent),
        ("/v1/coins", b"{}", 200, Transient),
    ],
)
def test_a_list_that_is_none_is_refused(path: str, body: bytes, status: int, kind: type[UpstreamError]) -> None:
    with pytest.raises(kind) as caught:
        CoinPaprika().judge(answer(path, body, status))
    assert type(caught.value) is kind
