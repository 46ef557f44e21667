"""What the pipeline's tests work with: the simulated market, and a platform of its own on the shared server."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import dagster as dg
import psycopg
import pytest

from crypto_platform.cli.pipeline import replay_stages
from crypto_platform.cli.session import in_sandbox
from crypto_platform.home import open_home
from crypto_platform.lake import Lake
from crypto_platform.lake.drop import put_into_drop
from crypto_platform.platform import Platform
from crypto_platform.projection import projected_tables
from crypto_platform.runner import Runner, open_runner
from crypto_platform.sandbox.faults import Plan, Rule
from crypto_platform.sandbox.server import RunningSandbox
from crypto_platform.settings import load_settings
from crypto_platform.tables import (
    CROSSWALK,
    FROM_HISTORY,
    FROM_SNAPSHOTS,
    RAW_COINS,
    RAW_HISTORY,
    RAW_SNAPSHOTS,
    Partition,
    Table,
)
from crypto_platform.warehouse import Warehouse, checksum
from crypto_platform.warehouse.address import Address

MONTHS = ["2026-09", "2026-10", "2026-11"]
"""The months of history that the example holds."""
NOW = datetime(2026, 11, 20, 12, 30, tzinfo=UTC)
"""What the simulated market's clock says at the start of each test."""


@dataclass
class Market:
    """The simulated market, whose clock stands still until a test moves it."""

    running: RunningSandbox

    @property
    def url(self) -> str:
        return self.running.url

    def set_clock(self, moment: datetime) -> None:
        self.running.sandbox.clock.set(moment.timestamp(), frozen=True)

    def fails(self, *rules: Rule) -> None:
        """From now on these rules decide which requests go wrong."""
        self.running.sandbox.faults.use(Plan(list(rules)))

    def requests(self, vendor: str) -> list[tuple[str, str, int]]:
        """Path, outcome and count of everything a vendor was asked since the test began."""
        counts = self.running.sandbox.log.counts()
        return [(str(r["path"]), str(r["status"]), int(r["count"])) for r in counts if r["vendor"] == vendor]

    def forget(self) -> None:
        self.running.sandbox.log.clear()


def fresh_market(running: RunningSandbox) -> Market:
    fresh = Market(running)
    fresh.set_clock(NOW)
    fresh.fails()
    fresh.forget()
    return fresh


@dataclass
class Pipeline:
    """A platform on the simulated market, and what tests do with it."""

    platform: Platform
    runner: Runner
    instance: dg.DagsterInstance

    @property
    def lake(self) -> Lake:
        return self.platform.lake

    @property
    def reader_url(self) -> str:
        return self.platform.settings.warehouse.replace("crypto_writer", "crypto_reader")

    @property
    def today(self) -> Partition:
        return Partition(self.platform.clock().date().isoformat())

    def snapshot(self, **tags: str) -> None:
        """One live snapshot through to silver."""
        self.snapshot_of("coingecko", **tags)

    def snapshot_of(self, source: str, **tags: str) -> None:
        self.runner.run([(table, source) for table in (RAW_SNAPSHOTS, *FROM_SNAPSHOTS)], [self.today], tags=tags)

    def history(self, *months: str, tags: dict[str, str] | None = None) -> None:
        """History of some months that follow each other, asked for and derived."""
        self.history_of("yahoo", *months, tags=tags)

    def history_of(self, source: str, *months: str, tags: dict[str, str] | None = None) -> None:
        partitions = [Partition(month) for month in months]
        self.runner.run([(table, source) for table in (RAW_HISTORY, *FROM_HISTORY)], partitions, tags)

    def coins(self, *sources: str) -> None:
        """The vendors' lists of coins, and the identities that follow."""
        for source in sources:
            self.runner.run([(RAW_COINS, source)], [self.today])
        self.runner.run([(CROSSWALK, None)])

    def drop(self, name: str, content: str | bytes) -> None:
        """Put a file into the drop folder; nothing is read yet."""
        put_into_drop(self.lake, name, content.encode() if isinstance(content, str) else content)

    def run(self, table: Table, source: str | None = None, *keys: str) -> None:
        self.runner.run([(table, source)], [Partition(key) for key in keys])

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """What the warehouse answers."""
        with self.platform.warehouse.connect() as connection:
            return connection.execute(sql.encode()).fetchall()

    def count(self, table: Table) -> int:
        """A table's rows in the lake, of all sources and partitions."""
        total = 0
        for key in self.lake.whole(table).objects:
            with self.lake.open_parquet(key) as file:
                total += file.metadata.num_rows
        return total

    def asked(self, sql: str) -> list[dict[str, Any]]:
        """What the engine answers over the lake."""
        from crypto_platform.cli.stores import asked

        with asked(self.platform, sql) as batches:
            rows: list[dict[str, Any]] = batches.read_all().to_pylist()
        return rows

    def objects(self) -> dict[str, str]:
        """The digest of every object of the lake but the kept answers."""
        store = self.lake.store
        return {
            key: hashlib.sha256(store.read(key)).hexdigest()
            for key in store.keys("")
            if not key.startswith(("answers/", "drop/", "failures/", "_"))
        }

    def derived(self) -> dict[str, str]:
        return {key: digest for key, digest in self.objects().items() if not key.startswith("raw_")}

    def answers(self, source: str) -> list[str]:
        return self.lake.store.keys(f"answers/source={source}")

    def checksums(self) -> dict[str, tuple[int, str]]:
        """A checksum over every warehouse table that mirrors the lake."""
        with self.platform.warehouse.connect() as connection:
            return {
                each: checksum(connection, each) for each in sorted({t.warehouse or "" for t in projected_tables()})
            }

    def written(self) -> str:
        """Changes whenever any row of a mirrored table is written, even with the same values."""
        relations = sorted({table.warehouse or "" for table in projected_tables()})
        return str([self.rows(f"select count(*), sum(xmin::text::bigint) from {each}") for each in relations])


OpenPipeline = Callable[..., Pipeline]
_numbers = itertools.count(1)


@contextmanager
def database(server: Warehouse, template: str = "crypto") -> Iterator[Warehouse]:
    """A database of the shared server, with whatever its template holds."""
    name = f"pipeline_{next(_numbers)}"
    at = Address.parse(server.writer_url).parameters
    with psycopg.connect(**at | {"user": "postgres", "dbname": "postgres"}, autocommit=True) as admin:  # type: ignore[arg-type]
        admin.execute(f"create database {name} template {template} owner crypto_writer".encode())
        reader = Address.parse(server.reader_url).parameters
        yield Warehouse(Address(at | {"dbname": name}), Address(reader | {"dbname": name}))
        admin.execute(f"drop database {name} with (force)".encode())


@contextmanager
def pipelines(home: Path, warehouse: Warehouse, market: Market) -> Iterator[OpenPipeline]:
    """Opens pipelines on a home and a warehouse; further settings by name."""
    opened: list[Platform] = []
    instance = dg.DagsterInstance.ephemeral()

    def open_one(**values: Any) -> Pipeline:
        given = {
            "home": home, "upstream": "sandbox", "warehouse": warehouse.writer_url,
            "vendors": {"coingecko": {"top": 40}}, "history_top": 3, "universe_size": 3,
            "max_retries": 0, "initial_retry_delay": 0, "_env_file": None,
        }  # fmt: skip
        settings = load_settings(**(given | values))
        open_home(settings)
        platform = Platform(in_sandbox(settings, market.url))
        opened.append(platform)
        return Pipeline(platform, Runner(platform, instance), instance)

    try:
        yield open_one
    finally:
        for platform in opened:
            platform.close()
        instance.dispose()


@contextmanager
def own_pipelines(folder: Path, server: Warehouse, running: RunningSandbox) -> Iterator[OpenPipeline]:
    """Opens pipelines for the tests of a module that only read what its fixture has made."""
    with database(server) as warehouse, pipelines(folder / "home", warehouse, fresh_market(running)) as opener:
        yield opener


@contextmanager
def at_home(pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch) -> Iterator[Pipeline]:
    """The same on the Dagster instance of its home, which bears several runs at once as one in memory does not."""
    for name in ("DAGSTER_HOME", "CRYPTO_DAGSTER_URL", "DAGSTER_EVENT_BATCH_SIZE"):
        monkeypatch.setenv(name, "")  # so that they are taken back in the end
    with open_runner(pipeline.platform) as runner:
        yield Pipeline(pipeline.platform, runner, runner.instance)


def replay(pipeline: Pipeline) -> None:
    for assets, partitions in replay_stages(pipeline.runner, date.min, date.max):
        pipeline.runner.run(assets, partitions)
