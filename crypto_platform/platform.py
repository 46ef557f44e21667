"""One platform: its settings, clock, lake, engine, warehouse and sources, each opened when it is first used.

The command line and Dagster's resources share this; nothing here knows Dagster's runs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from threading import RLock
from typing import TYPE_CHECKING, Any

from crypto_platform.clock import Clock, sandbox_clock, system_clock
from crypto_platform.home import SANDBOX_CROSSWALK, open_home, world_of
from crypto_platform.settings import Settings, SettingsError, World

Progress = Callable[[int, int | None], None]

if TYPE_CHECKING:
    from datetime import datetime

    import duckdb

    from crypto_platform.engine import DuckDBEngine
    from crypto_platform.lake import Lake
    from crypto_platform.ledger import Ledger
    from crypto_platform.sources.base import Source
    from crypto_platform.sources.http import Answer, Http
    from crypto_platform.warehouse import Warehouse
    from crypto_platform.warehouse.budgets import Budgets


class Platform:
    """Opens each room once and hands it out; `close` lets go of all of them."""

    def __init__(self, settings: Settings) -> None:
        self.world: World = world_of(settings)
        self.settings = _in_world(settings, self.world)
        self._opening = RLock()
        self.progress: dict[str, Progress] = {}
        """Told as a source's answers arrive; the command line draws bars from it."""

    def told(self, source: str) -> Progress:
        """Whom to tell of a source's answers."""
        return self.progress.get(source, lambda _done, _total: None)

    @cached_property
    def clock(self) -> Clock:
        if self.world == "live":
            return system_clock
        return sandbox_clock(self._sandbox_url)

    def now(self) -> datetime:
        """What the clock says; nobody is asked before this is called."""
        return self.clock()

    @property
    def _sandbox_url(self) -> str:
        if not self.settings.sandbox_url:
            raise SettingsError(
                "This home belongs to the simulated market and CRYPTO_SANDBOX_URL does not say where that runs; "
                "start `crypto-platform sandbox`, or use `crypto-platform up`."
            )
        return self.settings.sandbox_url

    @cached_property
    def home(self) -> Path:
        open_home(self.settings)
        return self.settings.home_dir

    @cached_property
    def lake(self) -> Lake:
        from crypto_platform.lake import Lake

        open_home(self.settings)
        lake = Lake(Path(self.settings.lake_root).expanduser().absolute(), self.settings.scratch_dir)
        lake.open(self.world)
        return lake

    @cached_property
    def engine(self) -> DuckDBEngine:
        from crypto_platform.engine import DuckDBEngine

        return DuckDBEngine(self._duckdb)

    @contextmanager
    def _duckdb(self) -> Iterator[duckdb.DuckDBPyConnection]:
        from dagster_duckdb import DuckDBResource

        settings = self.settings
        config: dict[str, Any] = {
            "memory_limit": settings.engine_memory,
            "threads": settings.engine_threads,
            "temp_directory": str(self.settings.scratch_dir / "duckdb"),
            "autoinstall_known_extensions": False,
        }
        with DuckDBResource(database=":memory:", connection_config=config).get_connection() as connection:
            yield connection

    @property
    def warehouse(self) -> Warehouse:
        """The warehouse with its schema up to date and its world checked."""
        with self._opening:
            return self._warehouse

    @cached_property
    def _warehouse(self) -> Warehouse:
        from crypto_platform.warehouse import enter_world, migrate, open_warehouse

        open_home(self.settings)
        warehouse = open_warehouse(self.settings)
        try:
            migrate(warehouse)
            with warehouse.connect() as connection:
                enter_world(connection, self.world)
        except BaseException:
            warehouse.close()
            raise
        return warehouse

    def source(self, name: str) -> Source:
        from crypto_platform.sources import source_named

        return source_named(name).from_settings(self.settings)

    def http(self, source: Source) -> Callable[[Callable[[Answer, str], None]], Http]:
        """How to make a source's client once it is known where refused answers go; it keeps to the vendor's budget."""
        permit = self.budgets.permit(source.name, source.budget.per_minute, source.budget.per_month)
        return lambda on_refused: source.http(self.settings, self.clock, on_refused, permit)

    @property
    def budgets(self) -> Budgets:
        """What the vendors were asked this month, by any process on this warehouse."""
        with self._opening:
            return self._budgets

    @cached_property
    def _budgets(self) -> Budgets:
        from crypto_platform.warehouse.budgets import Budgets

        return Budgets(self.warehouse.connect)

    @property
    def ledger(self) -> Ledger:
        from crypto_platform.ledger import Ledger

        return Ledger(self.lake, self.warehouse, self.now)

    def close(self) -> None:
        with self._opening:
            budgets = self.__dict__.pop("_budgets", None)
            if budgets is not None:
                budgets.close()
            warehouse = self.__dict__.pop("_warehouse", None)
            if warehouse is not None:
                warehouse.close()

    def __enter__(self) -> Platform:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _in_world(settings: Settings, world: World) -> Settings:
    """In the sandbox world every vendor lives under the simulated market's address, and has its identities."""
    settings = settings.model_copy(update={"upstream": world})
    if world == "live":
        return settings
    from crypto_platform.sources import SOURCES

    settings = settings.model_copy(update={"crosswalk_file": settings.home_dir / SANDBOX_CROSSWALK})
    if not settings.sandbox_url:
        return settings
    for name, source in SOURCES.items():
        paid = "-pro" if getattr(source.from_settings(settings), "plan", None) == "paid" else ""
        settings = settings.with_vendor(name, url=f"{settings.sandbox_url.rstrip('/')}/{name}{paid}{source.base_path}")
    return settings
