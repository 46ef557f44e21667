"""The one schema registry: every table's columns, types, key and partition, with a sentence for each.

Parquet schemas, Dagster's column metadata, the warehouse's publishing and the data dictionary are read off it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from enum import Enum
from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa


class Type(Enum):
    """A column's type, as the lake's engine spells it and as the warehouse does."""

    TEXT = ("VARCHAR", "text")
    TEXTS = ("VARCHAR[]", "text[]")
    JSON = ("VARCHAR", "jsonb")
    DOUBLE = ("DOUBLE", "double precision")
    INTEGER = ("INTEGER", "integer")
    BIGINT = ("BIGINT", "bigint")
    BOOLEAN = ("BOOLEAN", "boolean")
    DATE = ("DATE", "date")
    TIMESTAMP = ("TIMESTAMPTZ", "timestamp with time zone")

    def __init__(self, duckdb: str, postgres: str) -> None:
        self.duckdb = duckdb
        self.postgres = postgres

    @property
    def arrow(self) -> pa.DataType:
        import pyarrow as pa

        return {
            "TEXT": pa.string(),
            "TEXTS": pa.list_(pa.string()),
            "JSON": pa.string(),
            "DOUBLE": pa.float64(),
            "INTEGER": pa.int32(),
            "BIGINT": pa.int64(),
            "BOOLEAN": pa.bool_(),
            "DATE": pa.date32(),
            "TIMESTAMP": pa.timestamp("us", tz="UTC"),
        }[self.name]


class Grain(Enum):
    """How a table is cut into partitions; the value is the name in the lake's paths."""

    DAY = "date"
    MONTH = "month"
    NONE = "all"

    def key_of(self, day: date) -> str:
        """The key of the partition that a day lies in."""
        return {"date": day.isoformat(), "month": day.isoformat()[:7], "all": "all"}[self.value]

    @property
    def strftime(self) -> str:
        """How a day of the partition is written as the partition's key."""
        return {"date": "%Y-%m-%d", "month": "%Y-%m", "all": "all"}[self.value]


@dataclass(frozen=True, order=True)
class Partition:
    """One slice of a table in time, named as Dagster and the lake's paths name it: `2026-11-21`, `2026-11` or `all`."""

    key: str

    @property
    def grain(self) -> Grain:
        return {10: Grain.DAY, 7: Grain.MONTH}.get(len(self.key), Grain.NONE)

    @property
    def first_day(self) -> date | None:
        if self.grain is Grain.NONE:
            return None
        return date.fromisoformat(self.key if self.grain is Grain.DAY else f"{self.key}-01")

    @property
    def end_day(self) -> date | None:
        """The first day after the partition."""
        first = self.first_day
        if first is None or self.grain is Grain.DAY:
            return first and first + timedelta(days=1)
        return (first + timedelta(days=31)).replace(day=1)

    def overlaps(self, other: Partition) -> bool:
        """Whether the two have a day in common."""
        return self.key.startswith(other.key) or other.key.startswith(self.key)


WHOLE = Partition("all")


def stretches(keys: Sequence[str]) -> list[tuple[str, str]]:
    """Sorted days or months as stretches without a hole: first and last of each."""
    found: list[tuple[str, str]] = []
    for key in keys:
        end = found and Partition(found[-1][1]).end_day
        if end and Partition(key).first_day == end:
            found[-1] = (found[-1][0], key)
        else:
            found.append((key, key))
    return found


@dataclass(frozen=True)
class Column:
    name: str
    type: Type
    about: str
    required: bool = False


@dataclass(frozen=True)
class Table:
    """One dataset: an asset's name, a lake folder, a SQL file and, where `warehouse` names it, a warehouse table."""

    name: str
    about: str
    grain: Grain
    key: tuple[str, ...]
    columns: tuple[Column, ...]
    partition_column: str | None = None
    per_source: bool = True
    warehouse: str | None = None
    owned: tuple[tuple[str, str], ...] = ()
    """Column values that mark this table's rows where two tables share one warehouse table."""

    @cached_property
    def column_names(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns)

    @cached_property
    def arrow_schema(self) -> pa.Schema:
        import pyarrow as pa

        return pa.schema([pa.field(column.name, column.type.arrow) for column in self.columns])

    @cached_property
    def sort_order(self) -> tuple[str, ...]:
        """The partition's column first, then the key: the order of rows in the lake."""
        first = (self.partition_column,) if self.partition_column else ()
        return first + tuple(name for name in self.key if name != self.partition_column)


def _columns(*rows: tuple[str, Type, str], required: tuple[str, ...] = ()) -> tuple[Column, ...]:
    return tuple(Column(name, type_, about, name in required) for name, type_, about in rows)


_T, _D, _I, _TS = Type.TEXT, Type.DOUBLE, Type.INTEGER, Type.TIMESTAMP

_SOURCE = ("source", _T, "The vendor the row comes from.")
_ASSET = ("source_asset_id", _T, "The coin's id at that vendor.")
_BATCH = ("batch_id", _T, "The batch whose fetch first brought these values.")
_PAGE = ("page", _I, "The answer's number within its batch.")
_POSITION = ("position", _I, "The row's place within its answer, from 0; in a file its line, from 1.")
_FETCHED = ("fetched_at", _TS, "When the answer that first brought these values arrived (UTC).")
_SYMBOL = ("symbol", _T, "The ticker, as given; many coins share one, so nothing is joined on it.")
_NAME = ("name", _T, "The coin's name, as given.")
_OHLC = (
    ("open_usd", _D, "The day's first price in USD."),
    ("high_usd", _D, "The day's highest price in USD."),
    ("low_usd", _D, "The day's lowest price in USD."),
    ("close_usd", _D, "The day's last price in USD."),
)
_CAP = ("market_cap_usd", _D, "Market capitalisation in USD; null where unknown.")

RAW_SNAPSHOTS = Table(
    "raw_snapshots",
    "The rows of every live snapshot as they came, one row per coin and answer; append-only.",
    Grain.DAY,
    ("source", "batch_id", "page", "position"),
    _columns(
        _SOURCE,
        ("batch_id", _T, "The batch that landed the row."),
        _PAGE,
        _POSITION,
        ("snapshot_date", Type.DATE, "The UTC day the batch was taken on."),
        ("fetched_at", _TS, "When the answer arrived (UTC)."),
        ("payload", Type.JSON, "The coin's exact slice of the vendor's answer."),
        required=("source", "batch_id", "page", "position", "snapshot_date", "fetched_at", "payload"),
    ),
    partition_column="snapshot_date",
    warehouse="staging.raw_snapshots",
)

RAW_HISTORY = Table(
    "raw_history",
    "Every daily point a vendor ever gave, one row per coin, vendor timestamp and fetch; append-only.",
    Grain.MONTH,
    ("source", "source_asset_id", "observed_at", "batch_id"),
    _columns(
        _SOURCE,
        _ASSET,
        ("observed_at", _TS, "The vendor's own timestamp of the point."),
        ("batch_id", _T, "The batch that landed the point."),
        _PAGE,
        _POSITION,
        *_OHLC,
        ("volume_usd", _D, "Volume in USD, as given."),
        _CAP,
        (
            "unfinished",
            Type.BOOLEAN,
            "True where the vendor or the file itself says that the bar was not over; null where only its time tells.",
        ),
        ("fetched_at", _TS, "When the answer arrived (UTC)."),
        (
            "payload",
            Type.JSON,
            "The point's own text, kept only where a value in it is not a number or null.",
        ),
        required=("source", "source_asset_id", "observed_at", "batch_id", "page", "position", "fetched_at"),
    ),
    partition_column="observed_at",
)

RAW_COINS = Table(
    "raw_coins",
    "Every list of a vendor's coins as it came, one row per coin and list; append-only. The curated file's versions "
    "are lists too, of the source `curated`.",
    Grain.DAY,
    ("source", "batch_id", "source_asset_id"),
    _columns(
        _SOURCE,
        ("batch_id", _T, "The batch that landed the list."),
        _ASSET,
        ("list_date", Type.DATE, "The UTC day the list was fetched on."),
        _SYMBOL,
        _NAME,
        ("is_active", Type.BOOLEAN, "Whether the vendor calls the coin active; null where it does not say."),
        (
            "known_as",
            Type.TEXTS,
            "What the coin is known as elsewhere: `chain:contract`, and in curated lists and files `source:id`.",
        ),
        ("fetched_at", _TS, "When the list's first answer arrived (UTC)."),
        required=("source", "batch_id", "source_asset_id", "list_date", "fetched_at"),
    ),
    partition_column="list_date",
)

BRONZE_MARKETS = Table(
    "bronze_markets",
    "Typed and checked market rows, one per coin and observation within a day of snapshots.",
    Grain.DAY,
    ("source", "snapshot_date", "source_asset_id", "last_updated"),
    _columns(
        _SOURCE,
        ("snapshot_date", Type.DATE, "The UTC day of the snapshots: the partition."),
        _ASSET,
        ("last_updated", _TS, "When the vendor observed the price; the fetch time where it did not say."),
        ("last_updated_missing", Type.BOOLEAN, "True where the vendor gave no time of observation."),
        _SYMBOL,
        _NAME,
        ("price_usd", _D, "Price in USD."),
        _CAP,
        ("volume_24h_usd", _D, "Volume of the last 24 hours in USD; null where unknown."),
        ("market_cap_rank", _I, "Rank by market capitalisation, as given."),
        ("change_1h_pct", _D, "Change over one hour in percent."),
        ("change_24h_pct", _D, "Change over 24 hours in percent."),
        ("change_7d_pct", _D, "Change over seven days in percent."),
        ("high_24h_usd", _D, "Highest price of the last 24 hours in USD."),
        ("low_24h_usd", _D, "Lowest price of the last 24 hours in USD."),
        ("circulating_supply", _D, "Coins in circulation; null where unknown."),
        ("total_supply", _D, "Coins in existence; null where unknown."),
        ("max_supply", _D, "Coins that can ever exist; null where unlimited or unknown."),
        ("ath_usd", _D, "All-time high in USD."),
        ("ath_date", _TS, "When the all-time high was reached."),
        _FETCHED,
        _BATCH,
        _PAGE,
        _POSITION,
        required=(
            "source",
            "snapshot_date",
            "source_asset_id",
            "last_updated",
            "last_updated_missing",
            "price_usd",
            "fetched_at",
            "batch_id",
            "page",
            "position",
        ),
    ),
    partition_column="snapshot_date",
    warehouse="bronze.markets",
)


def _quarantine(name: str, grain: Grain, about: str, rejected_from: str) -> Table:
    return Table(
        name,
        about,
        grain,
        ("source", "snapshot_date", "table_name", "batch_id", "page", "position"),
        _columns(
            _SOURCE,
            ("snapshot_date", Type.DATE, "The UTC day of the snapshot or of the bar."),
            ("table_name", _T, "The table the row was kept out of."),
            ("batch_id", _T, "The batch the row first came with."),
            _PAGE,
            _POSITION,
            _ASSET,
            ("reasons", Type.TEXTS, "Every rule the row breaks, in words."),
            ("payload", Type.JSON, "The row as it came."),
            ("occurrences", _I, "How often the same row came within the partition."),
            ("fetched_at", _TS, "When the row first came (UTC)."),
            required=(
                "source",
                "snapshot_date",
                "table_name",
                "batch_id",
                "page",
                "position",
                "reasons",
                "occurrences",
                "fetched_at",
            ),
        ),
        partition_column="snapshot_date" if grain is not Grain.NONE else None,
        per_source=grain is not Grain.NONE,
        warehouse="ops.quarantine",
        owned=(("table_name", rejected_from),),
    )


QUARANTINE = _quarantine(
    "quarantine",
    Grain.DAY,
    "Snapshot rows that may not pass into bronze, with every reason.",
    "bronze_markets",
)
HISTORIC_QUARANTINE = _quarantine(
    "historic_quarantine",
    Grain.MONTH,
    "Points of history that may not pass into historic_prices, with every reason.",
    "historic_prices",
)

FILE_QUARANTINE = _quarantine(
    "file_quarantine",
    Grain.NONE,
    "Lines of dropped files that cannot be read or placed in time, and whole files that nobody recognises.",
    "dropped_files",
)

SILVER_DAILY_METRICS = Table(
    "silver_daily_metrics",
    "One row per source, coin and UTC day: the day as the snapshots saw it.",
    Grain.DAY,
    ("metric_date", "source", "source_asset_id"),
    _columns(
        ("metric_date", Type.DATE, "The UTC day."),
        _SOURCE,
        _ASSET,
        _SYMBOL,
        _NAME,
        *_OHLC,
        ("volume_24h_usd", _D, "The last known 24-hour volume of the day in USD."),
        ("market_cap_usd", _D, "The last known market capitalisation of the day in USD."),
        ("snapshots", _I, "How many observations the day rests on."),
        ("first_seen", _TS, "The day's first observation."),
        ("last_updated", _TS, "The day's last observation."),
        required=(
            "metric_date",
            "source",
            "source_asset_id",
            "open_usd",
            "high_usd",
            "low_usd",
            "close_usd",
            "snapshots",
            "first_seen",
            "last_updated",
        ),
    ),
    partition_column="metric_date",
    warehouse="silver.daily_metrics",
)

HISTORIC_PRICES = Table(
    "historic_prices",
    "One row per source, coin and UTC day of vendors' history: the best revision of each bar.",
    Grain.MONTH,
    ("bar_date", "source", "source_asset_id"),
    _columns(
        ("bar_date", Type.DATE, "The UTC day the bar covers, whatever the vendor dates it by."),
        _SOURCE,
        _ASSET,
        ("as_of", _TS, "The moment the close stands for: the day's end, or earlier for an unfinished bar."),
        *_OHLC,
        ("volume_usd", _D, "Volume in USD, as given; 0 and null both occur."),
        _CAP,
        ("provisional", Type.BOOLEAN, "True until the finished bar was seen after the settling time."),
        ("revisions", _I, "How many different versions of the bar the vendor gave."),
        _FETCHED,
        _BATCH,
        required=(
            "bar_date",
            "source",
            "source_asset_id",
            "as_of",
            "close_usd",
            "provisional",
            "revisions",
            "fetched_at",
            "batch_id",
        ),
    ),
    partition_column="bar_date",
    warehouse="silver.historic_prices",
)

CROSSWALK = Table(
    "crosswalk",
    "Which vendor id is which coin, since when, and on what evidence.",
    Grain.NONE,
    ("source", "source_asset_id", "valid_from", "known_from"),
    _columns(
        _SOURCE,
        _ASSET,
        ("valid_from", Type.DATE, "First day the vendor's id stands for this coin."),
        ("known_from", _TS, "Since when the platform believed so."),
        ("valid_to", Type.DATE, "Last day the vendor's id stands for this coin; null while it does."),
        ("known_to", _TS, "Until when the platform believed so; null while it does."),
        ("asset_id", _T, "The platform's id of the coin; `source:id` while no evidence joins it to another."),
        _SYMBOL,
        _NAME,
        ("method", _T, "How the mapping was found: `curated`, `contract`, `symbol_and_name`, `named` or `alone`."),
        ("evidence", _T, "What it rests on."),
        required=("source", "source_asset_id", "valid_from", "known_from", "asset_id", "method"),
    ),
    per_source=False,
    warehouse="identity.crosswalk",
)

UNIVERSE = Table(
    "universe",
    "Which coins were among a source's largest on which day, by the market cap of the day.",
    Grain.DAY,
    ("universe_date", "source", "source_asset_id"),
    _columns(
        ("universe_date", Type.DATE, "The UTC day."),
        _SOURCE,
        _ASSET,
        ("place", _I, "The coin's place by market cap among that day's coins of the source, from 1."),
        ("market_cap_usd", _D, "The market capitalisation it was ranked by, in USD."),
        required=("universe_date", "source", "source_asset_id", "place", "market_cap_usd"),
    ),
    partition_column="universe_date",
    warehouse="silver.universe",
)

DROPPED_FILES = Table(
    "dropped_files",
    "One row per file that was dropped, by its content: what it was recognised as and what became of its rows.",
    Grain.NONE,
    ("sha256",),
    _columns(
        ("sha256", _T, "The file's content, by its SHA-256."),
        ("file", _T, "The file's name when it was first seen."),
        ("batch_id", _T, "The batch its rows are landed under."),
        ("status", _T, "`read`, or `quarantined` where nothing of it could be used."),
        ("reason", _T, "Why it was quarantined as a whole."),
        ("kind", _T, "`snapshots` or `history`."),
        ("format", _T, "The format it was recognised as."),
        ("coin", _T, "The coin its rows are of, where the rows do not say."),
        ("rows", _I, "Lines of data in it."),
        ("landed", _I, "Rows that went on into raw."),
        ("rejected", _I, "Rows that could not be read or placed; they are in the quarantine."),
        ("first_day", Type.DATE, "The first day its rows are about."),
        ("last_day", Type.DATE, "The last day its rows are about."),
        ("read_at", _TS, "When it was read (UTC)."),
        required=("sha256", "file", "batch_id", "status", "rows", "landed", "rejected", "read_at"),
    ),
    per_source=False,
    warehouse="ops.dropped_files",
)

UNIFIED_PRICES = Table(
    "unified_prices",
    "One row per asset and UTC day: the price to use, where it comes from and how far the sources agree.",
    Grain.MONTH,
    ("metric_date", "asset_id"),
    _columns(
        ("metric_date", Type.DATE, "The UTC day."),
        ("asset_id", _T, "The platform's id of the coin; `source:id` while no evidence maps it."),
        _SYMBOL,
        _NAME,
        *_OHLC,
        ("volume_usd", _D, "The taken source's volume in USD; volumes of sources are never summed."),
        _CAP,
        ("source", _T, "The source whose values were taken."),
        ("origin", _T, "`historic` for a vendor's daily bar, `live` for a day built from snapshots."),
        ("is_final", Type.BOOLEAN, "The day is over, the bar is complete and the settling time has passed."),
        ("sources", _I, "How many sources had a close."),
        ("spread_pct", _D, "(Highest close − lowest close) / lowest close × 100 over the sources."),
        ("as_of", _TS, "The moment the close stands for."),
        required=("metric_date", "asset_id", "close_usd", "source", "origin", "is_final", "sources", "as_of"),
    ),
    partition_column="metric_date",
    per_source=False,
    warehouse="gold.unified_prices",
)

ASSETS = Table(
    "assets",
    "One row per asset that has a price: what it is called, since when and until when, and from which sources.",
    Grain.NONE,
    ("asset_id",),
    _columns(
        ("asset_id", _T, "The platform's id of the coin; `source:id` while no evidence maps it."),
        _SYMBOL,
        _NAME,
        ("first_date", Type.DATE, "The first day it has a price."),
        ("last_date", Type.DATE, "The last day it has a price."),
        ("sources", Type.TEXTS, "The sources that know it, in alphabetical order."),
        required=("asset_id", "first_date", "last_date", "sources"),
    ),
    per_source=False,
    warehouse="gold.assets",
)

UNIFIED_VIEW = Table(
    "unified_view",
    "Every observation, whatever its origin: the bars of history and the rows of every snapshot. A view.",
    Grain.NONE,
    (),
    _columns(
        ("observed_at", _TS, "The moment the price stands for."),
        ("asset_id", _T, "The platform's id of the coin; `source:id` while no evidence maps it."),
        _SYMBOL,
        ("price_usd", _D, "Price in USD: a bar's close, or a snapshot's price."),
        ("volume_usd", _D, "The bar's volume, or that of the last 24 hours, in USD."),
        _CAP,
        _SOURCE,
        ("origin", _T, "`historic` or `live`."),
        ("resolution", _T, "`1d` or `snapshot`."),
    ),
    per_source=False,
)

TABLES: dict[str, Table] = {
    table.name: table
    for table in (
        RAW_SNAPSHOTS,
        RAW_HISTORY,
        RAW_COINS,
        DROPPED_FILES,
        FILE_QUARANTINE,
        BRONZE_MARKETS,
        QUARANTINE,
        SILVER_DAILY_METRICS,
        UNIVERSE,
        HISTORIC_PRICES,
        HISTORIC_QUARANTINE,
        CROSSWALK,
        UNIFIED_PRICES,
        ASSETS,
        UNIFIED_VIEW,
    )
}


FROM_SNAPSHOTS = (BRONZE_MARKETS, QUARANTINE, SILVER_DAILY_METRICS, UNIVERSE)
"""What a source's raw snapshots become, in order."""
FROM_HISTORY = (HISTORIC_PRICES, HISTORIC_QUARANTINE)
"""What a source's raw history becomes."""


class UnknownTableError(LookupError):
    """A table was named that the platform does not have."""


def table_named(name: str) -> Table:
    try:
        return TABLES[name]
    except KeyError:
        raise UnknownTableError(f"There is no table {name!r}; the tables are {', '.join(TABLES)}.") from None
