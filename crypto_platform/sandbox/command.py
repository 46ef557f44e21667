"""`crypto-platform sandbox`: the simulated market as a process of its own, until it is told to stop."""

from __future__ import annotations

import errno
import json
import os
import signal
import threading
from pathlib import Path
from types import FrameType

import click

from crypto_platform.sandbox.clock import Clock, ClockError, parse_moment
from crypto_platform.sandbox.faults import FaultError, Plan, read_plan
from crypto_platform.sandbox.server import RunningSandbox, Sandbox


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option("--port", type=click.IntRange(0, 65_535), default=8_001, show_default=True, help="0 takes a free port.")
@click.option("--seed", type=click.IntRange(0), default=7, show_default=True, help="Another seed, another market.")
@click.option("--coins", type=click.IntRange(10, 20_000), default=1_000, show_default=True, help="How many are listed.")
@click.option(
    "--faults",
    "faults_file",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE.json",
    help='What goes wrong: {"seed": 1, "rules": [{"vendor": "yahoo", "path": "*", "kind": "reset", '
    '"probability": 0.1, "times": 5, "after": 2}]}. Kinds: 429, 429_retry_after, 429_in_200, 500, 503, reset, '
    "timeout, drip, truncated, cut, html.",
)
@click.option("--enforce-limits", is_flag=True, help="Refuse as the vendors do: CoinGecko after 30 requests a minute.")
@click.option("--clock", "start", metavar="ISO", help="Start in the past, such as 2026-03-01T00:00:00Z.")
@click.option(
    "--ready-file",
    type=click.Path(path_type=Path, dir_okay=False),
    help='Written once the server listens: {"url": …, "pid": …}.',
)
def sandbox(
    host: str,
    port: int,
    seed: int,
    coins: int,
    faults_file: Path | None,
    enforce_limits: bool,
    start: str | None,
    ready_file: Path | None,
) -> None:
    """Serves a simulated market that speaks the APIs of CoinGecko, CoinPaprika and Yahoo.

    The vendors are at /coingecko/api/v3, /coinpaprika/v1 and /yahoo (paid hosts: /coingecko-pro/api/v3 and
    /coinpaprika-pro/v1). Clock, faults, request counts and the true identities are at /_sandbox/clock,
    /_sandbox/faults, /_sandbox/requests and /_sandbox/crosswalk. The same seed gives the same market everywhere.
    """
    clock = Clock()
    try:
        plan = read_plan(faults_file) if faults_file else Plan()
        if start:
            clock.set(parse_moment(start))
    except (FaultError, ClockError) as error:
        raise click.ClickException(str(error)) from None
    stop = threading.Event()

    def stopped(_signal: int, _frame: FrameType | None) -> None:
        stop.set()

    signal.signal(signal.SIGINT, stopped)
    signal.signal(signal.SIGTERM, stopped)
    market = Sandbox(seed, coins, clock=clock, faults=plan, enforce_limits=enforce_limits)
    with _listening(market, host, port) as running:
        click.echo(f"The sandbox market listens on {running.url}")
        if ready_file:
            _announce(ready_file, running.url)
        try:
            stop.wait()
        finally:
            if ready_file:
                ready_file.unlink(missing_ok=True)


def _listening(market: Sandbox, host: str, port: int) -> RunningSandbox:
    try:
        return market.serve(host, port)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise click.ClickException(f"port {port} is already in use; choose another with --port") from None
        raise click.ClickException(f"{host}:{port} cannot be listened on: {error.strerror}.") from None


def _announce(ready_file: Path, url: str) -> None:
    candidate = ready_file.with_name(f".{ready_file.name}.{os.getpid()}")
    try:
        candidate.write_text(json.dumps({"url": url, "pid": os.getpid()}), encoding="utf-8")
        candidate.replace(ready_file)
    except OSError as error:
        raise click.ClickException(f"The ready file {ready_file} cannot be written: {error.strerror}.") from None
