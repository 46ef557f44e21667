"""What identity rests on: the lists of coins in the lake, the versions of the curated file among them; and who is who.

The rules are in `identity`; here they meet the lake.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa

from crypto_platform.identity import CURATED, crosswalk_of, curated_list, fetch_order
from crypto_platform.lake import INPUTS, LakeSlice
from crypto_platform.lake.coins import land_list
from crypto_platform.lake.landed import About, read_about
from crypto_platform.tables import CROSSWALK, RAW_COINS, UNIVERSE

if TYPE_CHECKING:
    from crypto_platform.lake import Lake
    from crypto_platform.platform import Platform

_VERSIONS = uuid.UUID("0d3c8a55-8b5f-4f0e-9f6b-5a6f3f1f7c02")
_NO_LIMIT = 1_000_000
_MOMENT = timedelta(microseconds=1)


def keep_curated(lake: Lake, file: Path | None, clock: Callable[[], datetime]) -> None:
    """Land the curated file's version, unless the newest landed one is the same."""
    coins = curated_list(file)
    digest = _digest(coins)
    if newest_curated(lake) == digest:
        return
    now = max(clock(), newest + _MOMENT) if (newest := _newest_at(lake)) else clock()
    batch_id = str(uuid.uuid5(_VERSIONS, f"{now.isoformat()} {digest}"))
    land_list(lake, CURATED, coins, About("coins", batch_id, 0, now, now, now.date(), now.date()), now)


def _curated_versions(lake: Lake) -> list[tuple[datetime, str]]:
    """When each version of the curated file was landed, and where it lies."""
    keys = lake.slice(RAW_COINS, CURATED).objects
    return sorted((at, key) for key in keys if (at := read_about(lake, [key])[0].finished_at))


def _newest_at(lake: Lake) -> datetime | None:
    versions = _curated_versions(lake)
    return versions[-1][0] if versions else None


def newest_curated(lake: Lake) -> str | None:
    """The digest of the curated list that was landed last."""
    versions = _curated_versions(lake)
    return _digest(pa.Table.from_batches(lake.batches([versions[-1][1]]), RAW_COINS.arrow_schema)) if versions else None


def _digest(coins: pa.Table) -> str:
    names = ("source_asset_id", "symbol", "name", "known_as")
    rows = sorted(zip(*(coins.column(name).to_pylist() for name in names), strict=True))
    return hashlib.sha256(repr(rows).encode()).hexdigest()


def lists_in_order(lake: Lake, lists: LakeSlice) -> Iterator[pa.Table]:
    """Some lists one by one, in the order they were fetched."""
    ordered = []
    for key in lists.objects:
        with lake.open_parquet(key) as file:
            if file.metadata.num_rows:
                place = file.schema_arrow.names.index("fetched_at")
                at = file.metadata.row_group(0).column(place).statistics.min
                source = key.partition("/source=")[2].partition("/")[0]
                ordered.append((fetch_order(at, source, key), key))
    for _, key in sorted(ordered):
        with lake.open_parquet(key) as file:
            yield file.read()


def evidence_digest(lists: LakeSlice) -> str:
    """Tells one set of lists from another; a landed list never changes."""
    return hashlib.sha256("\n".join(sorted(lists.objects)).encode()).hexdigest()


def wanted_evidence(lake: Lake, curated_file: Path | None) -> str:
    """Tells what the crosswalk should be made of now: all lists there are, and the curated file as it is."""
    told = evidence_digest(lake.whole(RAW_COINS)) + _digest(curated_list(curated_file))
    return hashlib.sha256(told.encode()).hexdigest()[:16]


def crosswalk_is_current(lake: Lake, curated_file: Path | None) -> bool:
    """Whether the crosswalk was made of all the lists there are, and of the curated file as it is."""
    held = lake.slice(CROSSWALK).objects
    if not held or newest_curated(lake) != _digest(curated_list(curated_file)):
        return False
    with lake.open_parquet(held[0]) as file:
        made_of = (file.metadata.metadata or {}).get(INPUTS.encode(), b"").decode()
    return bool(made_of == evidence_digest(lake.whole(RAW_COINS)))


def curated_ids(source: str, file: Path | None) -> list[str]:
    """The curated file's ids at a source, in the file's order."""
    named = (name.partition(":") for known_as in curated_list(file).column("known_as").to_pylist() for name in known_as)
    return [coin for vendor, _, coin in named if vendor == source]


def history_coins(platform: Platform, source: str) -> list[str]:
    """The ids to ask a source's history for, the largest coins first."""
    from crypto_platform.engine import Query

    curated = curated_list(platform.settings.crosswalk_file).column("source_asset_id")
    query = Query(
        "history_coins",
        crosswalk=_crosswalk(platform),
        universe=platform.lake.whole(UNIVERSE),
        curated=pa.table({"asset_id": curated, "place": pa.array(range(1, len(curated) + 1), pa.int32())}),
        parameters={"asked_source": source, "first_curated": platform.settings.history_top or _NO_LIMIT},
    )
    found: list[str] = platform.engine.read(query).column("source_asset_id").to_pylist()
    return found


def _crosswalk(platform: Platform) -> LakeSlice | pa.Table:
    """The crosswalk as it stands; before there is one, what the curated file alone gives."""
    held = platform.lake.slice(CROSSWALK)
    if held.objects:
        return held
    coins = curated_list(platform.settings.crosswalk_file)
    now = platform.clock()
    constant = {"source": CURATED, "batch_id": "", "list_date": now.date(), "fetched_at": now}
    columns = {name: pa.repeat(pa.scalar(value), coins.num_rows) for name, value in constant.items()}
    columns |= {name: coins.column(name) for name in coins.column_names}
    schema = RAW_COINS.arrow_schema
    return crosswalk_of(pa.table([columns[name].cast(schema.field(name).type) for name in schema.names], schema=schema))
