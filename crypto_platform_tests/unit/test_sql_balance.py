"""No snapshot row is lost: raw = bronze + quarantined occurrences + duplicates, whatever a vendor sends."""

from __future__ import annotations

import json
from collections import Counter
from datetime import datetime, timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from test_sql_rows import at, bronze, quarantine, snapshot

BATCHES = 3

odd_texts = st.sampled_from(
    ["", " ", "64213", "1_000", "0x1p3", "NaN", "-", "nul\0", "\ud83d", "é'\"\\", "1e-12", "null"]
)
numbers = (
    st.sampled_from([0, 1, -1, 1e-12, 5e-324, 1e308, 64213, 420689899653542539, 10**400, 1.5, -0.0])
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
)
values = st.one_of(
    numbers,
    st.none(),
    st.booleans(),
    odd_texts,
    st.lists(st.integers(), max_size=2),
    st.dictionaries(st.text(max_size=2), st.integers(), max_size=2),
)
MOMENTS = ["2026-11-21T11:00:00Z", "2026-11-21T11:00:00.000Z", "2026-11-21T10:00:00+02:00", "2026-11-20T23:59:59.999Z"]
moments = st.sampled_from([*MOMENTS, "2026-11-01T00:00:00Z", "2026-11-25T00:00:00Z", "yesterday", ""]) | st.none()
coins = st.sampled_from(["bitcoin", "ethereum", "_", "-10"])

mostly_good = st.fixed_dictionaries(
    {
        "id": coins,
        "current_price": st.sampled_from([1, 2.5, 1e-12]),
        "last_updated": st.sampled_from(MOMENTS) | st.none(),
    },
    optional={"total_volume": st.sampled_from([1e9, None, 0]), "name": st.sampled_from(["a", "é", None])},
)
anything = st.fixed_dictionaries(
    {},
    optional={
        "id": coins | values,
        "current_price": values,
        "last_updated": moments | values,
        **dict.fromkeys(("total_volume", "market_cap", "market_cap_rank", "ath", "ath_date", "symbol", "name"), values),
    },
)
payloads = st.one_of(
    mostly_good.map(json.dumps),
    mostly_good.map(json.dumps),
    anything.map(json.dumps),
    values.map(json.dumps),
    st.sampled_from(['{"id":"a","id":"b","current_price":1}', '{"id":"a"', "", "\ufeff{}", "{ }", "[{}]", "{} x"]),
)  # fmt: skip


def fetched(batch: int) -> datetime:
    return at("12:00") + timedelta(seconds=batch)


def raw_rows(pages: list[tuple[int, int, list[str]]]) -> list[dict[str, Any]]:
    """Raw rows as landed: each page of a batch comes once, its rows counted from 0."""
    unique = {(batch, page): slices for batch, page, slices in pages}
    return [
        snapshot(payload, batch_id=f"b{batch}", page=page, position=position, fetched_at=fetched(batch))
        for (batch, page), slices in sorted(unique.items())
        for position, payload in enumerate(slices)
    ]


def observation(row: dict[str, Any]) -> tuple[str, datetime]:
    """The coin and the moment a good row is about, read without the engine; of a name given twice the first counts."""
    coin = json.loads(row["payload"], object_pairs_hook=lambda pairs: dict(reversed(pairs)))
    told = coin.get("last_updated")
    return str(coin["id"]), datetime.fromisoformat(told) if told else row["fetched_at"]


@settings(deadline=None, max_examples=30)
@given(st.lists(st.tuples(st.integers(0, BATCHES - 1), st.integers(1, 2), st.lists(payloads, max_size=12)), max_size=6))
def test_every_raw_row_is_in_bronze_in_quarantine_or_a_duplicate(pages: list[tuple[int, int, list[str]]]) -> None:
    raw = raw_rows(pages)
    kept, rejected = bronze(raw), quarantine(raw)

    # A payload is judged the same wherever it comes, so the rejected rows are those whose payload was rejected.
    refused = Counter(row["payload"] for row in raw) & Counter(
        {payload: len(raw) for payload in {row["payload"] for row in rejected}}
    )
    assert sum(row["occurrences"] for row in rejected) == refused.total()
    assert {row["payload"]: row["occurrences"] for row in rejected} == dict(refused)
    assert all(row["reasons"] for row in rejected)

    expected: dict[tuple[str, datetime], tuple[str, int, int]] = {}
    first_page: dict[tuple[str, str], int] = {}
    duplicates = 0
    for row in raw:
        if row["payload"] in refused:
            continue
        coin, moment = observation(row)
        if first_page.setdefault((row["batch_id"], coin), row["page"]) < row["page"] or (coin, moment) in expected:
            duplicates += 1
        else:
            expected[coin, moment] = row["batch_id"], row["page"], row["position"]
    assert {
        (row["source_asset_id"], row["last_updated"]): (row["batch_id"], row["page"], row["position"]) for row in kept
    } == expected
    assert len(raw) == len(kept) + refused.total() + duplicates
