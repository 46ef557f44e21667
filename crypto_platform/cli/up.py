"""`up`: everything running on one home until Ctrl-C: PostgreSQL, the code server, Dagster's UI and daemon."""

from __future__ import annotations

import signal
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from types import FrameType
from typing import TYPE_CHECKING

import click
import psutil

from crypto_platform.cli.console import fail, out, sentences
from crypto_platform.cli.dagster_web import DagsterWeb, answers, listens
from crypto_platform.cli.session import in_sandbox
from crypto_platform.home import only_one, open_home, world_of
from crypto_platform.settings import Settings, load_settings
from crypto_platform.shipped import shipped_path
from crypto_platform.supervisor import Service, StopAskedError, Supervisor
from crypto_platform.tables import RAW_SNAPSHOTS

if TYPE_CHECKING:
    from crypto_platform.platform import Platform
    from crypto_platform.warehouse import Warehouse

_HOST = "127.0.0.1"


@click.command()
@click.option("--sandbox", is_flag=True, help="On the simulated market instead of the real vendors.")
@click.option("--port", type=click.IntRange(1, 65_535), help="The UI's port; CRYPTO_DAGSTER_PORT, else 3000.")
@sentences
def up(sandbox: bool, port: int | None) -> None:
    """Run everything: the Dagster UI, schedules and sensors, on embedded stores. One Ctrl-C stops all of it.

    On a new home the first snapshot is taken at once. A home keeps the world it was made in.
    """
    settings = load_settings(**({"upstream": "sandbox"} if sandbox else {}))
    settings = settings.model_copy(update={"dagster_port": port or settings.dagster_port or _free_port()})
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
    _refuse_taken_port("UI", settings.dagster_port, "CRYPTO_DAGSTER_PORT")
    settings = settings.model_copy(update={"upstream": world_of(settings)})
    market = _simulated_market(settings) if settings.upstream == "sandbox" and not settings.sandbox_url else None
    opened.callback(supervisor.stop)
    with out.status("Starting PostgreSQL …"):
        if market:
            supervisor.keep(market)
        platform = opened.enter_context(Platform(settings))
        opened.callback(supervisor.stop)
        begun = time.monotonic()
        warehouse = platform.warehouse
        _say(f"PostgreSQL is ready ({time.monotonic() - begun:.1f} s).")
        supervisor.keep(_Server(warehouse), running=True)
