"""Parts of the pipeline's tests: one simulated market, and a platform of its own for each test on the shared server."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from pipelines import MONTHS, NOW, Market, OpenPipeline, Pipeline, database, fresh_market, pipelines, replay

from crypto_platform.sandbox.server import RunningSandbox, Sandbox
from crypto_platform.warehouse import Warehouse


@pytest.fixture(scope="session")
def running_market() -> Iterator[RunningSandbox]:
    with Sandbox(coins=600).serve() as running:
        yield running


@pytest.fixture
def market(running_market: RunningSandbox) -> Market:
    """The simulated market at `NOW`, without faults."""
    return fresh_market(running_market)


@pytest.fixture
def open_pipeline(tmp_path: Path, shared_server: Warehouse, market: Market) -> Iterator[OpenPipeline]:
    """Opens a pipeline on this test's own home and warehouse; further settings by name."""
    with database(shared_server) as warehouse, pipelines(tmp_path / "home", warehouse, market) as opener:
        yield opener


@pytest.fixture
def pipeline(open_pipeline: OpenPipeline) -> Pipeline:
    """A platform on a new home: 40 coins in a snapshot, 3 coins of history, no retries."""
    return open_pipeline()


@pytest.fixture(scope="session")
def example(
    tmp_path_factory: pytest.TempPathFactory, shared_server: Warehouse, running_market: RunningSandbox
) -> Iterator[tuple[Path, str]]:
    """A home and a database with history, snapshots on both sides of midnight, and gold of it all; to be copied."""
    home, market = tmp_path_factory.mktemp("example") / "home", fresh_market(running_market)
    with database(shared_server) as warehouse:
        with pipelines(home, warehouse, market) as opener:
            pipeline = opener()
            for moment in (NOW - timedelta(hours=13), NOW - timedelta(hours=12), NOW):
                market.set_clock(moment)
                pipeline.snapshot()
            pipeline.history(*MONTHS)
            replay(pipeline)
        yield home, warehouse.writer_url.partition("?")[0].rpartition("/")[2]


@pytest.fixture
def open_filled(
    example: tuple[Path, str], tmp_path: Path, shared_server: Warehouse, market: Market
) -> Iterator[OpenPipeline]:
    home, template = example
    shutil.copytree(home, tmp_path / "home")
    with (
        database(shared_server, template) as warehouse,
        pipelines(tmp_path / "home", warehouse, market) as opener,
    ):
        yield opener


@pytest.fixture
def filled(open_filled: OpenPipeline) -> Pipeline:
    """A pipeline of this test's own that holds what the example does."""
    return open_filled()
