"""The rules by which ids of vendors become one asset, and those by which they stay apart."""

from __future__ import annotations

import pytest
from crosswalk_lists import BIRTH, Lists, coin, moment


def test_a_coin_that_nothing_joins_to_another_is_an_asset_by_itself() -> None:
    lists = Lists().add(1, "coingecko", coin("pepe", "pepe", "Pepe"))
    (row,) = lists.rows()
    assert row == {
        "source": "coingecko",
        "source_asset_id": "pepe",
        "valid_from": BIRTH,
        "known_from": moment(1),
        "valid_to": None,
        "known_to": None,
        "asset_id": "coingecko:pepe",
        "symbol": "pepe",
        "name": "Pepe",
        "method": "alone",
        "evidence": None,
    }


def test_no_list_gives_no_rows() -> None:
    assert Lists().rows() == []


def test_the_curated_file_is_the_first_of_the_evidence() -> None:
    lists = (
        Lists()
        .add(1, "curated", coin("bitcoin", "btc", "Bitcoin", "coingecko:bitcoin", "coinpaprika:xbt", "yahoo:BTC-USD"))
        .add(1, "coingecko", coin("bitcoin", "btc", "Bitcoin"))
        .add(1, "coinpaprika", coin("xbt", "xbt", "Bit Coin"), coin("btc-bitcoin", "btc", "Bitcoin"))
    )
    assert lists.assets() == {
        "coingecko:bitcoin": "bitcoin",
        "coinpaprika:xbt": "bitcoin",
        "yahoo:BTC-USD": "bitcoin",
        "coinpaprika:btc-bitcoin": "coinpaprika:btc-bitcoin",
    }
    curated = [row for row in lists.rows() if row["asset_id"] == "bitcoin"]
    assert {(row["method"], row["evidence"]) for row in curated} == {("curated", "the curated file")}
    assert {(row["symbol"], row["name"], row["known_to"]) for row in curated} == {("btc", "Bitcoin", None)}


def test_ticker_and_name_join_two_coins_from_the_day_both_are_known() -> None:
    lists = Lists().add(1, "coingecko", coin("pepe", "pepe", "Pepe")).add(2, "coinpaprika", coin("p", "PEPE", "PEPÉ!"))
    assert [(row["source"], row["asset_id"], row["known_from"], row["known_to"]) for row in lists.rows()] == [
        ("coingecko", "coingecko:pepe", moment(1), moment(2)),
        ("coingecko", "pepe", moment(2), None),
        ("coinpaprika", "pepe", moment(2), None),
    ]
    assert {row["evidence"] for row in lists.rows()[1:]} == {"pepe / Pepe"}
    assert {row["valid_from"] for row in lists.rows()} == {BIRTH}


def test_the_source_that_brought_the_coin_first_gives_the_id_and_of_one_moment_the_first_by_name() -> None:
    paprika, gecko = coin("pepe-pepe", "PEPE", "Pepe"), coin("pepe", "pepe", "Pepe")
    assert Lists().add(1, "coinpaprika", paprika).add(2, "coingecko", gecko).of("coingecko:pepe") == "pepe-pepe"
    assert Lists().add(1, "coinpaprika", paprika).add(1, "coingecko", gecko).of("coingecko:pepe") == "pepe"


def test_an_asset_id_that_is_taken_gets_a_number() -> None:
    lists = (
        Lists()
        .add(1, "curated", coin("pepe", "pepe", "Pepe", "yahoo:PEPE-USD", "coingecko:the-pepe"))
        .add(2, "coingecko", coin("pepe", "pp", "Pepper"), coin("the-pepe", "x", "X"))
        .add(3, "coinpaprika", coin("pp-pepper", "PP", "Pepper"))
    )
    assert lists.of("coingecko:pepe") == lists.of("coinpaprika:pp-pepper") == "pepe-2"


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (coin("a", "usdc", "USD Coin"), coin("b", "usdt", "USD Coin")),
        (coin("a", "btt", "BitTorrent"), coin("b", "btt", "BitTorrent [New]")),
        (coin("a", "", "Void"), coin("b", "", "Void")),
        (coin("a", "fire", "🔥"), coin("b", "fire", "🔥")),
        (coin("a", "x", ""), coin("b", "x", "")),
        (coin("a", "wbtc", "Wrapped Bitcoin"), coin("b", "wbtc", "Wrapped Bitcoin")),
        (coin("a", "usdc", "USD Coin (Wormhole)"), coin("b", "usdc", "USD Coin (Wormhole)")),
        (coin("a", "dai", "Dai (Plenty Bridge)"), coin("b", "dai", "Dai (Plenty Bridge)")),
        (coin("a", "ada", "Binance-Peg Cardano"), coin("b", "ada", "Binance-Peg Cardano")),
        (coin("a", "$pepe", "Pepe"), coin("b", "pepe", "Pepe")),
        (coin("a", "comp", "Compound"), coin("b", "comp", "Compound Coin")),
        (coin("a", "arb", "Arb", "ethereum:0x1"), coin("b", "arb", "Arb", "ethereum:0x2")),
    ],
    ids=lambda one: f"{one['symbol']} {one['name']}",
)
def test_coins_that_are_only_alike_stay_apart(ours: dict[str, object], theirs: dict[str, object]) -> None:
    lists = Lists().add(1, "coingecko", ours).add(2, "coinpaprika", theirs)
    assert lists.assets() == {"coingecko:a": "coingecko:a", "coinpaprika:b": "coinpaprika:b"}


@pytest.mark.parametrize("name", ["Bridge Oracle", "Wormhole", "Lido Staked Ether", "Jiňovice-Coin", "币安"])
def test_names_that_say_which_coin_it_is_do_match(name: str) -> None:
    lists = Lists().add(1, "coingecko", coin("a", "t", name)).add(2, "coinpaprika", coin("b", "T", name.upper()))
    assert lists.of("coinpaprika:b") == "a"


def test_two_coins_with_one_ticker_and_name_in_one_list_prove_nothing() -> None:
    twins = coin("ink", "ink", "Ink"), coin("ink-2", "ink", "INK")
    lists = Lists().add(1, "coingecko", *twins).add(2, "coinpaprika", coin("ink-ink", "INK", "Ink"))
    assert set(lists.methods().values()) == {"alone"}


def test_an_inactive_coin_neither_matches_nor_is_in_the_way() -> None:
    dead, live = coin("ink", "ink", "Ink", active=False), coin("ink-2", "ink", "Ink")
    lists = Lists().add(1, "coingecko", dead, live).add(2, "coinpaprika", coin("ink-ink", "INK", "Ink"))
    assert lists.of("coinpaprika:ink-ink") == lists.of("coingecko:ink-2") == "ink-2"
    assert lists.of("coingecko:ink") == "coingecko:ink"


def test_the_word_token_may_be_missing_where_nobody_else_has_the_ticker() -> None:
    lists = Lists().add(1, "coingecko", coin("a", "ewt", "Energy Web"))
    alike = coin("b", "EWT", "Energy Web Token")
    joined = lists.add(2, "coinpaprika", alike)
    assert joined.of("coinpaprika:b") == "a"
    assert joined.rows()[-1]["evidence"] == "ewt / Energy Web = Energy Web Token"
    crowded = lists.add(2, "coinpaprika", alike, coin("c", "EWT", "Energy Web Chain"))
    assert crowded.of("coinpaprika:b") == "coinpaprika:b"


def test_a_contract_in_common_joins_coins_of_any_name() -> None:
    lists = (
        Lists()
        .add(1, "coingecko", coin("a", "uni", "Uniswap", "ethereum:0x1", "base:0x9"), coin("z", "uni", "Zed"))
        .add(2, "kraken", coin("b", "xuni", "Something", "ethereum:0x1"), coin("c", "uni", "Uniswap"))
    )
    assert lists.of("kraken:b") == "a"
    assert lists.of("kraken:c") == "kraken:c"
    assert [row["evidence"] for row in lists.rows() if row["method"] == "contract"] == ["ethereum:0x1"] * 2


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ([["e:0x1"], ["e:0x1"]], [["e:0x1"]]),
        ([["e:0x1", "b:0x2"]], [["e:0x1"], ["b:0x2"]]),
        ([["e:"]], [["e:"]]),
    ],
    ids=["claimed twice", "two contracts, two coins", "a chain without a contract"],
)
def test_contracts_that_point_both_ways_prove_nothing(ours: list[list[str]], theirs: list[list[str]]) -> None:
    lists = Lists()
    for at, source, all_known in ((1, "coingecko", ours), (2, "kraken", theirs)):
        lists = lists.add(
            at, source, *(coin(f"{n}", f"{source}{n}", None, *known) for n, known in enumerate(all_known))
        )
    assert set(lists.methods().values()) == {"alone"}


def test_a_conflict_of_contracts_that_ends_lets_the_rest_prove() -> None:
    lists = (
        Lists()
        .add(1, "coingecko", coin("a", None, None, "e:0x1", "b:0x2"))
        .add(2, "kraken", coin("k", None, None, "e:0x1"), coin("l", None, None, "b:0x2"))
    )
    assert lists.of("kraken:k") == "kraken:k"
    assert lists.add(3, "kraken", coin("k", None, None, "e:0x1"), coin("l", None, None)).of("kraken:k") == "a"


def test_three_sources_meet_in_one_asset() -> None:
    lists = (
        Lists()
        .add(1, "coingecko", coin("a", "a", "Aa", "e:0x1"))
        .add(2, "kraken", coin("k", "k", "Kk", "e:0x1"))
        .add(3, "coinpaprika", coin("p", "K", "KK"))
    )
    assert lists.assets() == {"coingecko:a": "a", "kraken:k": "a", "coinpaprika:p": "a"}
    assert lists.methods()["coinpaprika:p"] == "symbol_and_name"


def test_a_source_has_one_id_in_an_asset() -> None:
    lists = (
        Lists()
        .add(1, "coingecko", coin("a", "a", "Aa", "e:0x1"), coin("b", "k", "Kk"))
        .add(2, "kraken", coin("k", "k", "Kk", "e:0x1"))
    )
    assert lists.of("kraken:k") == "a"
    assert lists.of("coingecko:b") == "coingecko:b"


@pytest.mark.parametrize("named", ["asset:bitcoin", "coingecko:bitcoin", "yahoo:BTC-USD", "asset:coingecko:bitcoin"])
def test_a_file_may_name_the_coin_it_holds(named: str) -> None:
    lists = (
        Lists()
        .add(1, "curated", coin("bitcoin", "btc", "Bitcoin", "coingecko:bitcoin", "yahoo:BTC-USD"))
        .add(2, "csv", coin("my file", None, None, named))
    )
    (row,) = [row for row in lists.rows() if row["source"] == "csv"]
    assert (row["asset_id"], row["method"], row["evidence"]) == ("bitcoin", "named", named)
    early = Lists().add(1, "csv", coin("my file", None, None, named))
    assert early.of("csv:my file") == "csv:my file"
    later = early.add(2, "curated", coin("bitcoin", "btc", "Bitcoin", "coingecko:bitcoin", "yahoo:BTC-USD"))
    assert later.of("csv:my file") == "bitcoin"


def test_a_file_that_names_no_coin_there_is_or_two_stays_alone() -> None:
    lists = (
        Lists()
        .add(1, "coingecko", coin("a", "a", "Aa"), coin("b", "b", "Bb"))
        .add(2, "csv", coin("x", "a", "Aa", "coingecko:c"), coin("y", None, None, "coingecko:a", "coingecko:b"))
    )
    assert lists.of("csv:x") == "csv:x"
    assert lists.of("csv:y") == "csv:y"


def test_a_file_that_names_a_coin_that_is_alone_makes_an_asset_with_it() -> None:
    lists = Lists().add(1, "coingecko", coin("a", "a", "Aa")).add(2, "csv", coin("x", None, None, "coingecko:a"))
    assert lists.assets() == {"coingecko:a": "a", "csv:x": "a"}


def test_a_file_may_name_an_asset_that_the_same_list_brings_about() -> None:
    lists = (
        Lists()
        .add(1, "csv", coin("x", None, None, "asset:a"))
        .add(2, "coingecko", coin("a", "a", "Aa"))
        .add(3, "coinpaprika", coin("p", "a", "Aa"))
    )
    assert lists.of("csv:x") == "a"


def test_a_coin_of_a_file_matches_by_ticker_and_name_where_it_is_alone_among_all_files() -> None:
    lists = Lists().add(1, "coingecko", coin("a", "a", "Aa")).add(2, "csv", coin("x", "A", "aa"))
    assert lists.of("csv:x") == "a"
    twins = Lists().add(1, "csv", coin("x", "A", "aa")).add(2, "csv", coin("y", "A", "aa"))
    assert set(twins.add(3, "coingecko", coin("a", "a", "Aa")).methods().values()) == {"alone"}
