"""What holds of the crosswalk whatever the lists are."""

from __future__ import annotations

from collections import Counter
from itertools import combinations
from typing import Any

import pyarrow as pa
from crosswalk_lists import Lists, coin, crosswalk
from hypothesis import given
from hypothesis import strategies as st

from crypto_platform.identity import crosswalk_of, fetch_order
from crypto_platform.tables import CROSSWALK, RAW_COINS

FEW = st.sampled_from("abcd")
KNOWN = st.lists(st.sampled_from(["e:0x1", "e:0x2", "b:0x1", "b:0x3"]), max_size=2, unique=True).map(tuple)
NAMED = st.sampled_from([(), ("asset:a",), ("v:a",), ("v:b", "e:0x1"), ("w:c",), ("asset:file",)])
NAME = st.sampled_from(["A", "B", "B Token", "Wrapped A", "", None])
SYMBOL = st.sampled_from(["a", "b", "", None])
ACTIVE = st.sampled_from([None, True, False])


def a_list(source: str, known: st.SearchStrategy[tuple[str, ...]]) -> st.SearchStrategy[tuple[str, list[Any]]]:
    coins = st.builds(lambda i, s, n, k, a: coin(i, s, n, *k, active=a), FEW, SYMBOL, NAME, known, ACTIVE)
    listed = st.lists(coins, min_size=1, max_size=4, unique_by=lambda one: one["source_asset_id"])
    return listed.map(lambda coins: (source, coins))


@st.composite
def a_file(draw: st.DrawFn) -> tuple[str, list[Any]]:
    ids = draw(st.lists(st.tuples(st.sampled_from("vwy"), FEW), min_size=1, max_size=5, unique=True))
    assets: dict[str, dict[str, str]] = {"file": {}}
    for source, coin_id in ids:
        assets.setdefault(draw(st.sampled_from(["a", "b", "file"])), {}).setdefault(source, coin_id)
    return "curated", [coin(a, a, a.upper(), *(f"{s}:{i}" for s, i in of.items())) for a, of in assets.items()]


LIST = st.one_of(a_list("v", KNOWN), a_list("w", KNOWN), a_list("x", KNOWN), a_list("csv", NAMED))


def histories(one: st.SearchStrategy[tuple[str, list[Any]]]) -> st.SearchStrategy[Lists]:
    steps = st.lists(st.tuples(st.sampled_from([0, 1, 1, 3]), one), min_size=1, max_size=9)

    def lists(steps: list[tuple[int, tuple[str, list[Any]]]]) -> Lists:
        history, at = Lists(), 0
        for later, (source, coins) in steps:
            at += later
            history = history.add(at, source, *coins)
        return history

    return steps.map(lists)


AUTOMATIC = histories(LIST)
ANY = histories(st.one_of(LIST, a_file()))


@given(ANY, st.randoms(use_true_random=False))
def test_the_order_of_rows_does_not_matter(lists: Lists, random: Any) -> None:
    rows = lists.table.to_pylist()
    random.shuffle(rows)
    assert crosswalk(pa.Table.from_pylist(rows, schema=lists.table.schema)) == lists.rows()


@given(ANY)
def test_the_rows_have_the_table_s_schema_and_order_and_its_key(lists: Lists) -> None:
    rows = lists.rows()
    keys = [tuple(row[column] for column in CROSSWALK.key) for row in rows]
    assert keys == sorted(set(keys))
    assert all(row[column.name] is not None for row in rows for column in CROSSWALK.columns if column.required)


@given(ANY)
def test_a_list_that_comes_again_at_once_changes_nothing(lists: Lists) -> None:
    twice = [batch for batch in lists.batches for _ in range(2)]
    again = [[{**row, "batch_id": f"{n:03}"} for row in batch] for n, batch in enumerate(twice)]
    assert Lists(again).rows() == lists.rows()


@given(ANY)
def test_every_id_ever_listed_has_a_row_that_stands(lists: Lists) -> None:
    listed = {f"{row['source']}:{row['source_asset_id']}" for row in lists.table.to_pylist()}
    known = {key for row in lists.table.to_pylist() if row["source"] == "curated" for key in row["known_as"]}
    assert set(lists.current()) == {key for key in listed if not key.startswith("curated:")} | known


def _overlap(one: dict[str, Any], other: dict[str, Any], column: str, inclusive: bool) -> bool:
    starts = max(one[f"{column}_from"], other[f"{column}_from"])
    ends = [row[f"{column}_to"] for row in (one, other) if row[f"{column}_to"] is not None]
    return all(starts <= end if inclusive else starts < end for end in ends)


@given(ANY)
def test_an_id_is_one_coin_on_any_day_as_known_at_any_time(lists: Lists) -> None:
    rows = lists.rows()
    assert all(row["known_to"] is None or row["known_from"] < row["known_to"] for row in rows)
    assert all(row["valid_to"] is None or row["valid_from"] <= row["valid_to"] for row in rows)
    of_id: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for row in rows:
        of_id.setdefault((row["source"], row["source_asset_id"]), []).append(row)
    for one, other in (pair for same in of_id.values() for pair in combinations(same, 2)):
        assert not (_overlap(one, other, "known", False) and _overlap(one, other, "valid", True))


@given(ANY)
def test_no_rule_gives_an_asset_two_ids_of_one_vendor_at_one_time(lists: Lists) -> None:
    rows = lists.rows()
    for one, other in combinations(rows, 2):
        same = one["source"] == other["source"] != "csv" and one["source_asset_id"] != other["source_asset_id"]
        if same and one["asset_id"] == other["asset_id"] and _overlap(one, other, "known", False):
            ruled = one["method"] != "curated" and other["method"] != "curated"
            current = one["valid_to"] is None and other["valid_to"] is None
            assert not ((ruled or current) and _overlap(one, other, "valid", True))


@given(ANY)
def test_what_was_known_never_changes(lists: Lists) -> None:
    times = sorted({batch[0]["fetched_at"] for batch in lists.batches})
    whole = lists.rows()
    for time in times:
        until = Lists([batch for batch in lists.batches if batch[0]["fetched_at"] <= time])
        then = []
        for row in whole:
            if row["known_from"] <= time:
                still = row["known_to"] is not None and row["known_to"] > time
                then.append({**row, "known_to": None if still else row["known_to"]})
        assert [_bare(row) for row in then] == [_bare(row) for row in until.rows()]


def _bare(row: dict[str, Any]) -> dict[str, Any]:
    """Without what describes the rows that stand."""
    return {name: value for name, value in row.items() if name not in ("symbol", "name") or row["known_to"]}


@given(AUTOMATIC)
def test_without_the_file_a_mapping_only_ever_begins(lists: Lists) -> None:
    rows = lists.rows()
    for row in rows:
        if row["known_to"] is not None and row["method"] != "alone":
            later = [
                other
                for other in rows
                if (other["source"], other["source_asset_id"]) == (row["source"], row["source_asset_id"])
                and other["known_from"] == row["known_to"]
            ]
            same_time = [other["asset_id"] for other in later if other["valid_from"] == row["valid_from"]]
            assert same_time == [row["asset_id"]]


@given(ANY)
def test_an_asset_of_its_own_is_of_one_id(lists: Lists) -> None:
    alone = Counter(row["asset_id"] for row in lists.current().values() if ":" in row["asset_id"])
    assert set(alone.values()) <= {1}


@given(ANY)
def test_lists_that_come_one_by_one_in_fetch_order_give_the_same(lists: Lists) -> None:
    def key(batch: list[dict[str, object]]) -> tuple[object, ...]:
        return fetch_order(batch[0]["fetched_at"], str(batch[0]["source"]), str(batch[0]["batch_id"]))

    tables = (pa.Table.from_pylist(batch, schema=RAW_COINS.arrow_schema) for batch in sorted(lists.batches, key=key))
    assert crosswalk_of(tables).equals(crosswalk_of(lists.table))
