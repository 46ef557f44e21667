"""What the lists say that no rule can settle, for people to look at."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from crypto_platform.identity.editions import CSV, CURATED, rows_of
from crypto_platform.identity.names import ticker

_FEW = 5

AMBIGUOUS = pa.schema(
    {
        "source": pa.string(),
        "symbol": pa.string(),
        "coins": pa.int32(),
        "source_asset_ids": pa.list_(pa.string()),
    }
)


def ambiguous(lists: pa.Table) -> pa.Table:
    """The tickers that several active coins of a source's newest list share, the most shared first, with some ids.

    Of files, which hold some coins each, all lists together are the newest.
    """
    rows = []
    for source in pc.unique(lists["source"]).to_pylist():
        if source == CURATED:
            continue
        sharing: dict[str, set[str]] = {}
        for coin in rows_of(_newest(source, lists.filter(pc.equal(lists["source"], source)))):
            if coin.is_active and ticker(coin.symbol):
                sharing.setdefault(ticker(coin.symbol), set()).add(coin.source_asset_id)
        rows += [(source, symbol, len(ids), sorted(ids)[:_FEW]) for symbol, ids in sharing.items() if len(ids) > 1]
    rows.sort(key=lambda row: (row[0], -row[2], row[1]))
    return pa.Table.from_pylist([dict(zip(AMBIGUOUS.names, row, strict=True)) for row in rows], schema=AMBIGUOUS)


def _newest(source: str, lists: pa.Table) -> pa.Table:
    if source == CSV:
        return lists
    latest = lists.filter(pc.equal(lists["fetched_at"], pc.max(lists["fetched_at"])))
    return latest.filter(pc.equal(latest["batch_id"], pc.max(latest["batch_id"])))
