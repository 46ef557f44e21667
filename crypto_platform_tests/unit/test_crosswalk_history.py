"""What lists of different days make of a mapping: what changes it, what doesn't, and what stays on record."""

from __future__ import annotations

import pytest
from crosswalk_lists import BIRTH, Lists, coin, day, moment

GECKO, PAPRIKA = coin("pepe", "pepe", "Pepe"), coin("pepe-pepe", "PEPE", "Pepe")
OTHERS = [coin(f"other-{n}", f"o{n}", f"Other {n}") for n in range(3)]


@pytest.fixture
def joined() -> Lists:
    return Lists().add(1, "coingecko", GECKO, *OTHERS).add(2, "coinpaprika", PAPRIKA)


def test_the_same_lists_again_change_nothing(joined: Lists) -> None:
    again = joined.add(3, "coingecko", *reversed(OTHERS), GECKO).add(4, "coinpaprika", PAPRIKA)
    assert again.rows() == joined.rows()


@pytest.mark.parametrize(
    "later",
    [
        [coin("pepe", "pepe", "Pepe"), coin("pepe-2", "pepe", "Pepe")],
        [coin("pepe", "renamed", "Renamed")],
        [coin("pepe", "pepe", "Pepe", active=False)],
        [coin("pepe", "pepe", "Pepe"), coin("new", "new", "New", "ethereum:0x1")],
    ],
    ids=["a namesake", "another ticker and name", "inactive", "another coin"],
)
def test_a_mapping_stands_whatever_the_lists_say_later(joined: Lists, later: list[dict[str, object]]) -> None:
    lists = joined.add(3, "coingecko", *later, *OTHERS)
    for key in ("coingecko:pepe", "coinpaprika:pepe-pepe"):
        assert lists.told(key) == joined.told(key)
    assert lists.of("coingecko:" + str(later[-1]["source_asset_id"])) in {"pepe", "coingecko:pepe-2", "coingecko:new"}


def test_symbol_and_name_follow_the_newest_list_and_closed_rows_keep_what_was_known(joined: Lists) -> None:
    rows = joined.add(3, "coingecko", coin("pepe", "pp", "Pepe the Great"), *OTHERS).rows()
    told = {(row["source"], row["known_to"]): row["name"] for row in rows if "pepe" in row["source_asset_id"]}
    assert told == {
        ("coingecko", moment(2)): "Pepe",
        ("coingecko", None): "Pepe the Great",
        ("coinpaprika", None): "Pepe the Great",
    }


def test_an_id_that_vanishes_stands_for_its_coin_until_the_last_list_that_had_it(joined: Lists) -> None:
    lists = joined.add(5, "coingecko", GECKO, *OTHERS).add(7, "coingecko", *OTHERS)
    assert lists.told("coingecko:pepe") == [
        ("coingecko:pepe", moment(1), moment(2), BIRTH, None),
        ("pepe", moment(2), moment(7), BIRTH, None),
        ("pepe", moment(7), None, BIRTH, day(5)),
    ]


def test_an_id_that_comes_back_is_the_same_coin_from_that_day_on(joined: Lists) -> None:
    lists = joined.add(3, "coingecko", *OTHERS).add(9, "coingecko", GECKO, *OTHERS)
    assert lists.told("coingecko:pepe")[2:] == [
        ("pepe", moment(3), None, BIRTH, day(1)),
        ("pepe", moment(9), None, day(9), None),
    ]


def test_an_id_that_is_back_the_same_day_was_never_away() -> None:
    lists = Lists().add(1, "coingecko", GECKO, *OTHERS)
    gone = Lists(lists.batches).add(1, "coingecko", *OTHERS).add(1, "coingecko", GECKO, *OTHERS)
    assert gone.rows() == lists.rows()


def test_a_list_that_looks_cut_ends_nothing_until_one_of_a_later_day_confirms_it(joined: Lists) -> None:
    cut = joined.add(3, "coingecko", OTHERS[0]).add(3, "coingecko", OTHERS[0])
    assert cut.rows() == joined.rows()
    assert cut.add(4, "coingecko", GECKO, *OTHERS).rows() == joined.rows()
    confirmed = cut.add(4, "coingecko", OTHERS[0])
    assert confirmed.told("coingecko:pepe")[-1] == ("pepe", moment(4), None, BIRTH, day(1))


def test_files_end_nothing() -> None:
    lists = Lists().add(1, "csv", coin("a"), coin("b")).add(2, "csv", coin("b"))
    assert lists.told("csv:a") == [("csv:a", moment(1), None, BIRTH, None)]


def test_a_curated_id_of_a_vendor_without_it_stays() -> None:
    lists = Lists().add(1, "curated", coin("pepe", "pepe", "Pepe", "coingecko:gone", "yahoo:PEPE-USD"))
    later = lists.add(2, "coingecko", *OTHERS).add(3, "coingecko", *OTHERS)
    assert later.told("coingecko:gone") == [("pepe", moment(1), None, BIRTH, None)]
    assert later.told("yahoo:PEPE-USD") == [("pepe", moment(1), None, BIRTH, None)]


def test_a_renamed_id_follows_the_one_that_vanished_with_its_arrival(joined: Lists) -> None:
    lists = joined.add(4, "coingecko", coin("pepe-new", "pepe", "Pepe"), *OTHERS)
    assert lists.told("coingecko:pepe")[-1] == ("pepe", moment(4), None, BIRTH, day(1))
    assert lists.told("coingecko:pepe-new") == [("pepe", moment(4), None, day(2), None)]


def test_a_namesake_that_was_there_beside_it_does_not_inherit_its_asset(joined: Lists) -> None:
    both = joined.add(4, "coingecko", GECKO, coin("pepe-2", "pepe", "Pepe"), *OTHERS)
    lists = both.add(5, "coingecko", coin("pepe-2", "pepe", "Pepe"), *OTHERS)
    assert lists.of("coingecko:pepe-2") == "coingecko:pepe-2"


def test_an_id_that_comes_back_beside_its_successor_is_alone_from_then_on(joined: Lists) -> None:
    lists = joined.add(4, "coingecko", coin("pepe-new", "pepe", "Pepe"), *OTHERS)
    both = lists.add(6, "coingecko", GECKO, coin("pepe-new", "pepe", "Pepe"), *OTHERS)
    assert both.told("coingecko:pepe-new") == lists.told("coingecko:pepe-new")
    assert both.told("coingecko:pepe")[-2:] == [
        ("pepe", moment(4), None, BIRTH, day(1)),
        ("coingecko:pepe", moment(6), None, day(6), None),
    ]


# What the curated file corrects


def curated(number: int, lists: Lists, *lines: dict[str, object]) -> Lists:
    return lists.add(number, "curated", coin("elsewhere", "e", "Elsewhere", "yahoo:E-USD"), *lines)


def test_the_file_gives_an_automatic_mapping_another_asset_and_the_others_follow(joined: Lists) -> None:
    lists = curated(3, joined, coin("frog", "frog", "Frog", "coingecko:pepe"))
    assert lists.told("coingecko:pepe")[1:] == [
        ("pepe", moment(2), moment(3), BIRTH, None),
        ("frog", moment(3), None, BIRTH, None),
    ]
    assert lists.of("coinpaprika:pepe-pepe") == "frog"


def test_the_file_parts_two_coins(joined: Lists) -> None:
    lists = curated(3, joined, coin("one", "a", "A", "coingecko:pepe"), coin("two", "b", "B", "coinpaprika:pepe-pepe"))
    assert lists.of("coingecko:pepe") == "one"
    assert lists.of("coinpaprika:pepe-pepe") == "two"


def test_the_file_replaces_a_source_s_id_of_an_asset(joined: Lists) -> None:
    both = joined.add(3, "coingecko", GECKO, coin("pepe-2", "p2", "Pepe Two"), *OTHERS)
    lists = curated(4, both, coin("pepe", "pepe", "Pepe", "coingecko:pepe-2", "coinpaprika:pepe-pepe"))
    assert lists.of("coingecko:pepe-2") == lists.of("coinpaprika:pepe-pepe") == "pepe"
    assert lists.of("coingecko:pepe") == "coingecko:pepe"


def test_an_asset_id_that_the_file_gives_to_another_coin_is_left_to_it(joined: Lists) -> None:
    lists = curated(3, joined, coin("pepe", "frog", "The real one", "yahoo:PEPE-USD"))
    assert lists.of("yahoo:PEPE-USD") == "pepe"
    assert lists.of("coingecko:pepe") == lists.of("coinpaprika:pepe-pepe") == "pepe-2"


def test_a_line_that_agrees_only_becomes_the_evidence(joined: Lists) -> None:
    lists = curated(3, joined, coin("pepe", "PEPE", "Pepe", "coingecko:pepe"))
    assert lists.methods()["coingecko:pepe"] == "curated"
    assert lists.told("coinpaprika:pepe-pepe") == joined.told("coinpaprika:pepe-pepe")
    assert lists.current()["coinpaprika:pepe-pepe"]["symbol"] == "PEPE"


def test_a_line_that_is_gone_leaves_its_coins_alone_or_to_the_other_rules() -> None:
    line = coin("frog", "frog", "Frog", "coingecko:pepe", "coinpaprika:pepe-pepe", "yahoo:PEPE-USD")
    first = curated(2, Lists(), line).add(3, "coingecko", GECKO, *OTHERS).add(3, "coinpaprika", PAPRIKA)
    lists = curated(4, first)
    assert lists.told("yahoo:PEPE-USD") == [
        ("frog", moment(2), moment(4), BIRTH, None),
        ("yahoo:PEPE-USD", moment(4), None, BIRTH, None),
    ]
    assert lists.of("coingecko:pepe") == lists.of("coinpaprika:pepe-pepe") == "pepe"
    assert lists.methods()["coingecko:pepe"] == "symbol_and_name"
    assert curated(5, lists, line).of("yahoo:PEPE-USD") == "frog"


def test_of_one_moment_the_curated_file_is_first_and_what_it_overrules_was_never_known() -> None:
    lists = Lists().add(1, "coingecko", GECKO)
    both = curated(1, lists, coin("frog", "frog", "Frog", "coingecko:pepe"))
    assert both.told("coingecko:pepe") == [("frog", moment(1), None, BIRTH, None)]
