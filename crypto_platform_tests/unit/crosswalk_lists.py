"""Lists of coins as they land, by the day they were fetched on, for the tests of the crosswalk."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pyarrow as pa

from crypto_platform.identity import crosswalk_of
from crypto_platform.tables import RAW_COINS

BIRTH = date(2009, 1, 3)


def moment(number: int) -> datetime:
    return datetime(2026, 1, 1, 12, tzinfo=UTC) + timedelta(days=number)


def day(number: int) -> date:
    return moment(number).date()


def coin(
    source_asset_id: str, symbol: str | None = None, name: str | None = None, *known_as: str, active: bool | None = None
) -> dict[str, Any]:
    return {
        "source_asset_id": source_asset_id,
        "symbol": symbol,
        "name": name,
        "is_active": active,
        "known_as": list(known_as),
    }


def crosswalk(table: pa.Table) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = crosswalk_of(table).to_pylist()
    return rows


@dataclass(frozen=True)
class Lists:
    """Batches of raw coins; each addition is a longer history of its own."""

    batches: list[list[dict[str, Any]]] = field(default_factory=list)

    def add(self, number: int, source: str, *coins: dict[str, Any]) -> Lists:
        batch = {
            "source": source,
            "batch_id": f"{len(self.batches):03}",
            "list_date": day(number),
            "fetched_at": moment(number),
        }
        return Lists([*self.batches, [{**batch, **one} for one in coins]])

    @property
    def table(self) -> pa.Table:
        return pa.Table.from_pylist([row for batch in self.batches for row in batch], schema=RAW_COINS.arrow_schema)

    def rows(self) -> list[dict[str, Any]]:
        return crosswalk(self.table)

    def current(self) -> dict[str, dict[str, Any]]:
        """The row that stands for each id now: believed, and of its latest time in use."""
        return {f"{row['source']}:{row['source_asset_id']}": row for row in self.rows() if row["known_to"] is None}

    def assets(self) -> dict[str, str]:
        return {key: row["asset_id"] for key, row in self.current().items()}

    def methods(self) -> dict[str, str]:
        return {key: row["method"] for key, row in self.current().items()}

    def of(self, key: str) -> str:
        return self.assets()[key]

    def told(self, key: str) -> list[tuple[Any, ...]]:
        """All that was ever believed of an id: asset, since and until when known, in use from and to."""
        columns = ("asset_id", "known_from", "known_to", "valid_from", "valid_to")
        return [
            tuple(row[column] for column in columns)
            for row in self.rows()
            if f"{row['source']}:{row['source_asset_id']}" == key
        ]
