"""The shape in which every source gives its list of coins. No vendor's format."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from crypto_platform.sources.slices import decode_json

SCHEMA = pa.schema(
    {
        "source_asset_id": pa.string(),
        "symbol": pa.string(),
        "name": pa.string(),
        "is_active": pa.bool_(),
        "known_as": pa.list_(pa.string()),
    }
)
"""`known_as` holds `chain:contract`, with CoinGecko's names of the chains and contracts as the vendor writes them,
but for hexadecimal ones, which are in lower case. They are sorted: no vendor means anything by their order."""


@dataclass(frozen=True)
class Listed:
    """One entry of a vendor's list, with whatever its fields hold."""

    id: object
    symbol: object
    name: object
    is_active: bool | None
    known_as: Iterable[str]


def table_of_coins(entries: Iterable[Listed]) -> pa.Table:
    """Each id once, the first entry for it; an entry without an id is no coin and stays in the kept answer alone."""
    coins: dict[str, Listed] = {}
    for entry in entries:
        if isinstance(entry.id, str) and entry.id:
            coins.setdefault(entry.id, entry)
    columns = [
        list(coins),
        [_text(coin.symbol) for coin in coins.values()],
        [_text(coin.name) for coin in coins.values()],
        [coin.is_active for coin in coins.values()],
        [sorted(set(coin.known_as)) for coin in coins.values()],
    ]
    return pa.table(
        [pa.array(column, field.type) for column, field in zip(columns, SCHEMA, strict=True)], schema=SCHEMA
    )


def objects_of(body: bytes) -> list[dict[str, Any]]:
    """The objects of a JSON array; what else is in it is no coin."""
    return [entry for entry in decode_json(body, list[Any]) if isinstance(entry, dict)]


def known_as(contracts: object) -> list[str]:
    """`chain:contract` of each contract by its chain, but for those of which one of the two is missing."""
    if not isinstance(contracts, dict):
        return []
    return [
        f"{chain.strip()}:{_in_one_case(contract.strip())}"
        for chain, contract in contracts.items()
        if chain.strip() and isinstance(contract, str) and contract.strip()
    ]


def _in_one_case(contract: str) -> str:
    """The case of a hexadecimal address is only a checksum; elsewhere another case is another address."""
    return contract.lower() if contract[:2].lower() == "0x" else contract


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None
