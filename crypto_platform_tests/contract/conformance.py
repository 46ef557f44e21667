"""What the suite of all sources stands on: the staged market, one source on a lake of its own, and its specimen.

A specimen is what the suite must know of a vendor to test it. A source beyond the shipped ones brings its own in a file
`stand_in_<source>.py` beside this one, with a stand-in that answers as the vendor does. No tests here.
"""

from __future__ import annotations

import hashlib
import importlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import cached_property, partial
from typing import Any

import pyarrow as pa
import pytest

from crypto_platform.assets.derived import from_history, from_snapshots
from crypto_platform.graph import Graph
from crypto_platform.lake import Lake, LakeSlice
from crypto_platform.lake.coins import land_coins
from crypto_platform.lake.history import land_history, months_of
from crypto_platform.lake.landed import KINDS as RAW_TABLES
from crypto_platform.lake.landed import Kind, Landed
from crypto_platform.lake.snapshots import land_snapshot
from crypto_platform.partitions import Calendar
from crypto_platform.platform import Platform
from crypto_platform.sandbox.answers import Answer, Request, Vendor
from crypto_platform.sandbox.coins import Coin
from crypto_platform.sandbox.faults import Plan, Rule
from crypto_platform.sandbox.server import Sandbox
from crypto_platform.sources import SOURCES, Gives, asked
from crypto_platform.sources.http import Http, Permit, always
from crypto_platform.tables import (
    BRONZE_MARKETS,
    HISTORIC_PRICES,
    HISTORIC_QUARANTINE,
    QUARANTINE,
    RAW_HISTORY,
    RAW_SNAPSHOTS,
    Partition,
    Table,
)

NOW = datetime(2026, 11, 20, 12, 30, tzinfo=UTC)
TODAY = NOW.date()
PAST = (TODAY - timedelta(days=40), TODAY - timedelta(days=10))
"""Days that every plan serves and every vendor has finished."""
BATCH = "01990000-0000-7000-8000-0000000000aa"

Change = Callable[[Request, Answer, int], Answer]
"""What becomes of an accepted answer, given its number from 1 on."""


@dataclass(frozen=True)
class Specimen:
    """What the suite must know of a vendor."""

    coins: tuple[str, ...]
    """Ids that it has history of, none of them a stablecoin."""
    unknown: str = "no-such-coin"
    several_pages: Mapping[str, object] = field(default_factory=dict)
    """Settings of the vendor that make a snapshot of more than one page; none where it has but one."""
    few: Mapping[str, object] = field(default_factory=lambda: {"top": 20})
    """Settings that make a small snapshot."""
    keyed_plans: tuple[str, ...] = ()
    id_at: tuple[str, ...] = ("id",)
    """Where in a row of a snapshot the coin's id is."""
    stand_in: Vendor | None = None
    """Answers as the vendor does, where the simulated market does not."""
    closes: Callable[[str, date, date], dict[date, float]] | None = None
    """The true close of each day, where the simulated market has another."""


_SHIPPED = {
    "coingecko": Specimen(("bitcoin", "ethereum", "solana"), several_pages={"top": 300}, keyed_plans=("demo", "paid")),
    "coinpaprika": Specimen(("btc-bitcoin", "eth-ethereum", "sol-solana"), keyed_plans=("paid",)),
    "yahoo": Specimen(("BTC-USD", "ETH-USD", "SOL-USD"), unknown="NOB1234-USD"),
}


def specimen_of(source: str) -> Specimen:
    """The specimen of a vendor; one that has none fails in a sentence."""
    if source in _SHIPPED:
        return _SHIPPED[source]
    try:
        found: Specimen = importlib.import_module(f"stand_in_{source}").SPECIMEN
    except ModuleNotFoundError:
        pytest.fail(
            f"There is no stand_in_{source}.py beside conformance.py; docs/adding-a-source.md says what it holds."
        )
    return found


class Stage(Sandbox):
    """The simulated market as the suite's stage: a test may change what goes out, and sees what was asked."""

    def __init__(self) -> None:
        super().__init__(coins=340)
        self.clock.set(NOW.timestamp(), frozen=True)
        self.reset()

    def reset(self) -> None:
        self.change: Change | None = None
        self.asked: list[Request] = []
        self.faults.use(Plan())
        self.log.clear()

    def fails(self, *rules: Rule) -> None:
        self.faults.use(Plan(list(rules)))

    def mount_of(self, path: str) -> tuple[str, Vendor, bool] | None:
        mount = super().mount_of(path) or _stand_in_at(path)
        return mount and (mount[0], _Staged(self, mount[1]), mount[2])

    @property
    def requests(self) -> int:
        """How many requests came, refused ones too."""
        return sum(int(row["count"]) for row in self.log.counts())


class _Staged:
    """A vendor whose accepted answers the stage's test may change."""

    def __init__(self, stage: Stage, vendor: Vendor) -> None:
        self._stage, self._vendor, self.name = stage, vendor, vendor.name
        self.failure = vendor.failure

    def answer(self, request: Request) -> Answer:
        stage = self._stage
        stage.asked.append(request)
        answer = self._vendor.answer(request)
        return stage.change(request, answer, len(stage.asked)) if stage.change else answer


def _stand_in_at(path: str) -> tuple[str, Vendor, bool] | None:
    name = path.split("/")[1]
    base = f"/{name}{SOURCES[name].base_path}" if name in SOURCES else ""
    stand_in = specimen_of(name).stand_in if base and path.startswith(f"{base}/") else None
    return (base, stand_in, False) if stand_in else None


@dataclass
class Bench:
    """One source on a lake of its own, asking the staged market over HTTP."""

    platform: Platform
    stage: Stage
    name: str
    slept: list[float] = field(default_factory=list)

    @cached_property
    def source(self) -> Any:
        return self.platform.source(self.name)

    @property
    def lake(self) -> Lake:
        return self.platform.lake

    def land(self, kind: Kind, permit: Permit = always, days: tuple[date, date] = PAST, **given: Any) -> Landed:
        """One batch of a kind; what it has kept before is not asked for again."""
        batch, today = given.get("batch", BATCH), TODAY
        make_http = partial(self._http, permit=permit)
        if kind == "snapshot":
            return land_snapshot(self.lake, self.source, make_http, batch, today)
        if kind == "coins":
            return land_coins(self.lake, self.source, make_http, batch, today)
        coins = given.get("coins", specimen_of(self.name).coins)
        span = self.source.span(*days, today)
        return land_history(self.lake, self.source, make_http, batch, today, coins, span)

    def _http(self, on_refused: Callable[..., None], *, permit: Permit) -> Http:
        http: Http = self.source.http(self.platform.settings, lambda: NOW, on_refused, permit, self.slept.append)
        return http

    def raw(self, kind: Kind, batch: str = BATCH) -> list[dict[str, Any]]:
        """The rows that a batch landed, in the order of the answers."""
        table = RAW_TABLES[kind]
        objects = [key for key in self.lake.whole(table).objects if batch in key]
        rows = pa.Table.from_batches(self.lake.batches(objects), table.arrow_schema).to_pylist()
        order = ("page", "position") if kind != "coins" else ("source_asset_id",)
        return sorted(rows, key=lambda row: tuple(row[name] for name in order))

    def objects(self) -> dict[str, str]:
        """The digest of every raw object."""
        keys = [key for key in self.lake.store.keys("") if key.startswith("raw_")]
        return {key: hashlib.sha256(self.lake.store.read(key)).hexdigest() for key in keys}

    def kept(self) -> list[str]:
        """The names of the kept answers; a refused one's has its time and status in it."""
        return [key.rpartition("/")[2] for key in self.lake.store.keys(f"answers/source={self.name}")]

    def judged_snapshots(self, batch: str = BATCH) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        """What the landed rows become: bronze, and its quarantine; each row with the payload that it was made of."""
        day = Partition(TODAY.isoformat())
        raw = self.lake.slice(RAW_SNAPSHOTS, self.name, [day])
        bronze, rejected = (self._derive(table, [day], raw) for table in (BRONZE_MARKETS, QUARANTINE))
        payloads = {(row["page"], row["position"]): row["payload"] for row in self.raw("snapshot", batch)}
        return [row | {"payload": payloads[row["page"], row["position"]]} for row in bronze], rejected

    def judged_history(self) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        """What the landed points become: the bars, and their quarantine."""
        raw = self.lake.whole(RAW_HISTORY)
        months = [Partition(month) for month in months_of(TODAY - timedelta(days=800), TODAY)]
        bars, rejected = (self._derive(table, months, raw) for table in (HISTORIC_PRICES, HISTORIC_QUARANTINE))
        return bars, rejected

    def _derive(self, table: Table, partitions: Sequence[Partition], raw: LakeSlice) -> list[dict[str, Any]]:
        """The rows that the source's asset gives of these raw rows."""
        query = self._assets[table.name](raw)  # as the asset's function, without a run
        with self.platform.engine.stream(query, table, partitions) as batches:
            rows: list[dict[str, Any]] = batches.read_all().to_pylist()
        return rows

    @cached_property
    def _assets(self) -> dict[str, Any]:
        settings = self.platform.settings
        graph = Graph(self.platform, Calendar(settings.snapshot_start, settings.history_start))
        made = from_snapshots(graph, self.name) if self.source.has_snapshots else []
        made += from_history(graph, self.name) if self.source.has_history else []
        return {each.key.path[0]: each.op.compute_fn.decorated_fn for each in made}

    def true_closes(self, coin: str, first: date, last: date) -> dict[date, float]:
        """What the market's close of each day was, whoever tells it."""
        closes = specimen_of(self.name).closes
        if closes:
            return closes(coin, first, last)
        index = next(each.index for each in self.stage.market.coins if _id_at(each, self.name) == coin)
        epoch = date(1970, 1, 1)
        bars = self.stage.market.bars(index, (first - epoch).days, (last - epoch).days)
        return {epoch + timedelta(days=int(day)): float(c) for day, c in zip(bars.days, bars.close, strict=True)}


def _id_at(coin: Coin, source: str) -> str | None:
    found: str | None = getattr(coin, source)
    return found


OpenBench = Callable[..., Bench]
"""Opens a source on a lake; `folder` tells one lake from another, `vendor` is what is said of the vendor."""


_GIVES: dict[Kind, Gives] = {"snapshot": "snapshots", "history": "history", "coins": "coins"}
KINDS: list[tuple[str, Kind]] = [(name, kind) for kind, gives in _GIVES.items() for name in asked(gives)]
"""Every vendor, and every kind of batch that it gives."""


def kinds(*wanted: Kind) -> Any:
    """For every vendor, and every kind of these that it gives."""
    return pytest.mark.parametrize(("name", "kind"), [case for case in KINDS if not wanted or case[1] in wanted])


def each(names: Sequence[str]) -> Any:
    """For every source of these."""
    return pytest.mark.parametrize("name", names)


def with_several_pages() -> list[str]:
    return [name for name in asked("snapshots") if specimen_of(name).several_pages]


def with_keys() -> list[tuple[str, str]]:
    vendors = [name for name, source in SOURCES.items() if not source.from_files]
    return [(name, plan) for name in vendors for plan in specimen_of(name).keyed_plans]
