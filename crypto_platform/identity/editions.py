"""Lists of coins in the order they were fetched, each as what it changes of the list before. Knows no identity."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

CURATED = "curated"
CSV = "csv"

_CONTENT = ("source_asset_id", "symbol", "name", "is_active", "known_as")
_NOTHING = "\x00"


class Listed(NamedTuple):
    """What a list says of one coin."""

    source_asset_id: str
    symbol: str | None
    name: str | None
    is_active: bool
    known_as: tuple[str, ...]


@dataclass(frozen=True)
class Edition:
    """One list, as what it changes: `day` counts from 1970, `at` in microseconds."""

    source: str
    at: int
    day: int
    listed: list[Listed]
    """The coins that are new or told of differently; some that are not may be among them."""
    gone: list[tuple[str, int]]
    """The ids that are no longer listed, each with the day of the last list that had it."""


def fetch_order(at: object, source: str, batch_id: str) -> tuple[Any, bool, str, str]:
    """What lists are sorted by: when they were fetched; of one moment the curated one first."""
    return at, source != CURATED, source, batch_id


def editions(lists: pa.Table | Iterable[pa.Table]) -> Iterator[Edition]:
    """Every list in fetch order; of lists at hand, one by one, the order is their giver's."""
    shelves: dict[str, _Shelf] = {}
    for source, at, day, coins in _in_fetch_order(lists) if isinstance(lists, pa.Table) else map(_told, lists):
        shelf = shelves.setdefault(source, _Shelf(source))
        yield shelf.put(at, day, coins)


def rows_of(coins: pa.Table) -> list[Listed]:
    """The coins of a list, by id."""
    columns = [coins[name].to_pylist() for name in _CONTENT]
    return sorted(
        Listed(coin, symbol, name, active is not False, _sorted(known_as) if known_as else ())
        for coin, symbol, name, active, known_as in zip(*columns, strict=True)
    )


def _sorted(known_as: list[str | None]) -> tuple[str, ...]:
    return tuple(sorted({known for known in known_as if known}))


def _told(batch: pa.Table) -> tuple[str, int, int, pa.Table]:
    """Of whom a list is, when it was fetched and on what day, and its coins."""
    at = pc.min(batch["fetched_at"]).cast(pa.timestamp("us", tz="UTC")).cast(pa.int64()).as_py()
    day = pc.min(batch["list_date"]).cast(pa.date32()).cast(pa.int32()).as_py()
    return batch["source"][0].as_py(), at, day, batch.select(_CONTENT)


def _in_fetch_order(lists: pa.Table) -> Iterator[tuple[str, int, int, pa.Table]]:
    if not lists.num_rows:
        return
    sources, batches = (_codes(lists[name]) for name in ("source", "batch_id"))
    code = sources.astype(np.int64) * (int(batches.max()) + 1) + batches
    starts = np.concatenate(([0], np.flatnonzero(np.diff(code)) + 1))
    if len(starts) > len(np.unique(code[starts])):
        order = np.argsort(code, kind="stable")
        yield from _in_fetch_order(lists.take(pa.array(order)))
        return
    ends = np.append(starts[1:], len(code))
    found = []
    for start, end in zip(starts.tolist(), ends.tolist(), strict=True):
        batch = lists.slice(start, end - start)
        told = _told(batch)
        found.append((fetch_order(told[1], told[0], batch["batch_id"][0].as_py()), told))
    found.sort(key=lambda one: one[0])
    yield from (told for _, told in found)


def _codes(column: pa.ChunkedArray) -> np.ndarray:
    if not pa.types.is_dictionary(column.type):
        column = column.dictionary_encode()
    return np.concatenate([np.asarray(chunk.indices) for chunk in column.unify_dictionaries().chunks])


class _Shelf:
    """The list that a source holds at present, and since when each of its coins was not seen again."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._held: pa.Table | None = None
        self._day = 0
        self._size = 0
        self._short_since: int | None = None
        self._unseen: dict[str, int] = {}

    def put(self, at: int, day: int, coins: pa.Table) -> Edition:
        coins = _comparable(coins)
        held = self._held
        if held is None:
            self._held, self._day, self._size = coins, day, coins.num_rows
            return Edition(self._source, at, day, rows_of(coins), [])
        listed = rows_of(_different(held, coins))
        missing = held.filter(pc.invert(pc.is_in(held["source_asset_id"], coins["source_asset_id"])))
        ids = missing["source_asset_id"].to_pylist()
        if self._may_be_cut(coins, day):
            gone = []
            self._held = pa.concat_tables([coins, missing]).combine_chunks()
            self._unseen = {coin: self._unseen.get(coin, self._day) for coin in ids}
        else:
            gone = sorted((coin, self._unseen.get(coin, self._day)) for coin in ids)
            self._held = coins
            self._unseen = {}
            self._size, self._short_since = coins.num_rows, None
        self._day = day
        return Edition(self._source, at, day, listed, gone)

    def _may_be_cut(self, coins: pa.Table, day: int) -> bool:
        """Whether coins that are missing say nothing.

        A file holds the coins somebody had at hand. A vendor's list of fewer than half the ids of the one before is
        more likely a cut answer than the end of thousands of coins; if one of a later day is as short, it is believed.
        """
        if self._source == CURATED:
            return False
        if self._source == CSV:
            return True
        if coins.num_rows * 2 >= self._size:
            return False
        self._short_since = day if self._short_since is None else self._short_since
        return day <= self._short_since


def _comparable(coins: pa.Table) -> pa.Table:
    """With a column that holds all of `known_as`, and each id once."""
    coins = coins.combine_chunks()
    for position, name in enumerate(("source_asset_id", "symbol", "name")):
        if pa.types.is_dictionary(coins.schema.field(name).type):
            coins = coins.set_column(position, name, coins[name].cast(pa.string()))
    if pc.count_distinct(coins["source_asset_id"]).as_py() < coins.num_rows:
        once = {coin["source_asset_id"]: coin for coin in sorted(coins.to_pylist(), key=repr, reverse=True)}
        coins = pa.Table.from_pylist(list(once.values()), schema=coins.schema)
    return coins.append_column("known", pc.fill_null(pc.binary_join(coins["known_as"], "\n"), _NOTHING))


def _different(held: pa.Table, coins: pa.Table) -> pa.Table:
    """The coins that the held list does not have, or has otherwise."""
    if coins["source_asset_id"].equals(held["source_asset_id"]):
        before = held
    else:
        before = held.take(pc.index_in(coins["source_asset_id"], held["source_asset_id"].combine_chunks()))
    changed = pc.is_null(before["source_asset_id"])
    for name, nothing in (("symbol", _NOTHING), ("name", _NOTHING), ("is_active", True), ("known", _NOTHING)):
        old, new = (pc.fill_null(table[name], nothing) for table in (before, coins))
        changed = pc.or_(changed, pc.not_equal(old, new))
    return coins.filter(changed)
