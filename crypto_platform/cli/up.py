"""`up`: everything running on one home until Ctrl-C: PostgreSQL, the code server, Dagster's UI and daemon."""

from __future__ import annotations

import signal
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from types import FrameType
from typing import TYPE_CHECKING

import click

from crypto_platform.cli.console import fail, out, sentences
from crypto_platform.cli.dagster_web import DagsterWeb
from crypto_platform.cli.services import HOST, PostgreSQL, dagster_services, free_port, simulated_market
from crypto_platform.cli.session import in_sandbox
from crypto_platform.home import only_one, open_home, world_of
from crypto_platform.settings import Settings, load_settings
from crypto_platform.sources import asked
from crypto_platform.supervisor import StopAskedError, Supervisor
from crypto_platform.tables import RAW_SNAPSHOTS

if TYPE_CHECKING:
    from crypto_platform.platform import Platform


@click.command()
@click.option("--sandbox", is_flag=True, help="On the simulated market instead of the real vendors.")
@click.option("--port", type=click.IntRange(1, 65_535), help="The UI's port; CRYPTO_DAGSTER_PORT, else 3000.")
@sentences
def up(sandbox: bool, port: int | None) -> None:
    """Run everything: the Dagster UI, schedules and sensors, on embedded stores. One Ctrl-C stops all of it.

    Where there is no snapshot yet, the first is taken at once. A home keeps the world it was made in.
    """
    settings = load_settings(**({"upstream": "sandbox"} if sandbox else {}))
    settings = settings.model_copy(update={"dagster_port": port or settings.dagster_port or free_port()})
    if not (settings.home_dir / "world").exists():
        _settled(settings)  # a new home is not made for an `up` that cannot be
    open_home(settings)
    with only_one(settings.home_dir, "up"), _stop_wanted() as wanted, ExitStack() as opened:
        try:
            _run(settings, opened, wanted)
        except StopAskedError:
            out.print("\nStopping …")
        except Exception:
            if not wanted.asked:  # Ctrl-C reaches the helpers of whatever was just being started, too
                raise
    out.print("Stopped; nothing is left running.")


def _run(settings: Settings, opened: ExitStack, wanted: _Wanted) -> None:
    from crypto_platform.platform import Platform

    home = settings.home_dir
    supervisor = Supervisor(home / "up.json", _say, lambda: wanted.asked)
    if supervisor.end_leftovers():
        _say("Stopped what an earlier `up` had left running.")
    (home / "sandbox.json").unlink(missing_ok=True)
    settings = _settled(settings)
    web = DagsterWeb(f"http://{HOST}:{settings.dagster_port}")
    platform = opened.enter_context(Platform(settings))
    opened.callback(supervisor.stop)
    with out.status("Starting …"):
        if settings.sandbox_port and platform.world == "sandbox":
            supervisor.keep(simulated_market(settings))
        _open_warehouse(platform, supervisor)
        supervisor.await_ready()
        if settings.sandbox_url:
            settings = in_sandbox(settings, settings.sandbox_url)
        code, webserver, daemon = dagster_services(platform, settings, web)
        supervisor.keep(code, webserver)
        supervisor.await_ready(webserver)  # all three at once would only make the slowest slower
        supervisor.keep(daemon)
        supervisor.await_ready()
    out.print(f"\n[bold]{platform.world}[/] data in {home}")
    out.print(f"[bold green]Dagster UI   {web.url}[/]")
    if settings.sandbox_url:
        out.print(f"Sandbox      {settings.sandbox_url}")
    out.print(f"Logs         {home / 'logs'}")
    out.print("Ctrl-C stops all of it.\n")
    snapshots = _FirstSnapshots(web)
    snapshots.launch(platform)
    while True:
        supervisor.pause()
        supervisor.tend()
        snapshots.look()


def _settled(settings: Settings) -> Settings:
    """The settings with their world, and with ports that can be had; a market that already runs elsewhere is used."""
    settings = settings.model_copy(update={"upstream": world_of(settings)})
    _refuse_taken_port("UI", settings.dagster_port, "CRYPTO_DAGSTER_PORT")
    if settings.upstream == "live" or settings.sandbox_url:
        return settings.model_copy(update={"sandbox_port": 0})
    port = settings.sandbox_port or free_port()
    _refuse_taken_port("simulated market", port, "CRYPTO_SANDBOX_PORT")
    return settings.model_copy(update={"sandbox_port": port, "sandbox_url": f"http://{HOST}:{port}"})


def _open_warehouse(platform: Platform, supervisor: Supervisor) -> None:
    begun = time.monotonic()
    warehouse = platform.warehouse
    if warehouse.embedded:
        _say(f"The PostgreSQL server is ready ({time.monotonic() - begun:.1f} s).")
        supervisor.keep(PostgreSQL(warehouse, platform.home), running=True)


class _FirstSnapshots:
    """On a home without any snapshot one is taken at once, instead of waiting for the hour."""

    def __init__(self, web: DagsterWeb) -> None:
        self._web = web
        self._runs: dict[str, str] = {}
        self._looked = 0.0

    def launch(self, platform: Platform) -> None:
        lake = platform.lake
        if any(lake.partitions(RAW_SNAPSHOTS, source) for source in lake.sources(RAW_SNAPSHOTS)):
            return
        for source in asked("coins"):
            self._web.launch(f"coins_{source}", platform.clock().date().isoformat())
        for source in asked("snapshots"):
            _say(f"No snapshot yet: taking the first of {source} …")
            run = self._web.launch(f"snapshot_{source}", platform.clock().date().isoformat())
            if run:
                self._runs[source] = run
            else:
                _say(f"The first snapshot of {source} could not be launched; the next comes with its schedule.")

    def look(self) -> None:
        """Say so when they are done."""
        if not self._runs or time.monotonic() - self._looked < 1:
            return
        self._looked = time.monotonic()
        for source, run in list(self._runs.items()):
            status = self._web.status_of(run)
            if status == "SUCCESS":
                _say(f"The first snapshot of {source} has landed; the next comes with its schedule.")
            elif status in ("FAILURE", "CANCELED"):
                _say(f"The first snapshot of {source} did not succeed; {self._web.run_page(run)} says why.")
            else:
                continue
            del self._runs[source]


@dataclass
class _Wanted:
    """Whether somebody wants an end."""

    asked: bool = False


@contextmanager
def _stop_wanted() -> Iterator[_Wanted]:
    """Ctrl-C, SIGTERM and a closed terminal are noted and heard between two steps, so that none is left half done."""
    wanted = _Wanted()

    def note(_number: int, _frame: FrameType | None) -> None:
        wanted.asked = True

    before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    try:
        yield wanted
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _say(line: str) -> None:
    out.print(line, style="dim", markup=False)


def _refuse_taken_port(what: str, port: int, setting: str) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            fail(
                f"The {what}'s port {port} cannot be had ({error.strerror}); "
                f"stop what uses it, or set {setting} to another one."
            )
