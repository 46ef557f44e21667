"""`up`: everything running on one home until Ctrl-C: PostgreSQL, the code server, Dagster's UI and daemon."""

from __future__ import annotations

import signal
import socket
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from types import FrameType
from typing import TYPE_CHECKING

import click

from crypto_platform.cli.console import fail, out, sentences
from crypto_platform.cli.session import in_sandbox
from crypto_platform.home import only_one, open_home, world_of
from crypto_platform.settings import Settings, load_settings
from crypto_platform.shipped import shipped_path
from crypto_platform.supervisor import Service, Supervisor
from crypto_platform.tables import RAW_SNAPSHOTS

if TYPE_CHECKING:
    from crypto_platform.platform import Platform

_HOST = "127.0.0.1"


class _StopError(BaseException):
    """Somebody asked for an end."""


@click.command()
@click.option("--sandbox", is_flag=True, help="On the simulated market instead of the real vendors.")
@click.option("--port", type=click.IntRange(1, 65_535), help="The UI's port; CRYPTO_DAGSTER_PORT, else 3000.")
@sentences
def up(sandbox: bool, port: int | None) -> None:
    """Run everything: the Dagster UI, schedules and sensors, on embedded stores. One Ctrl-C stops all of it.

    On a new home the first snapshot is taken at once. A home keeps the world it was made in.
    """
    settings = load_settings(**({"upstream": "sandbox"} if sandbox else {}))
    if port:
        settings = settings.model_copy(update={"dagster_port": port})
    open_home(settings)
    with only_one(settings.home_dir, "up"), _stoppable(), ExitStack() as opened:
        supervisor = Supervisor(settings.home_dir / "up.json", lambda line: out.print(line, style="yellow"))
        supervisor.end_leftovers()
        _refuse_taken_port("UI", settings.dagster_port, "CRYPTO_DAGSTER_PORT")
        opened.callback(supervisor.stop)
        try:
            _run(settings, supervisor, opened)
        except _StopError:
            out.print("\nStopping …")
    out.print("Stopped; nothing is left running.")


def _run(settings: Settings, supervisor: Supervisor, opened: ExitStack) -> None:
    from crypto_platform.platform import Platform

    world = world_of(settings)
    settings = settings.model_copy(update={"upstream": world})
    if world == "sandbox":
        settings = _start_sandbox(settings, supervisor)
    platform = opened.enter_context(Platform(settings))
    opened.callback(supervisor.stop)
    environment = _environment(platform)
    code_port = int(environment["CRYPTO_CODE_PORT"])
    workspace = str(shipped_path("workspace.yaml"))
    python = sys.executable
    web = f"http://{_HOST}:{settings.dagster_port}"

    def service(name: str, command: list[str]) -> Service:
        return Service(name, command, environment, platform.home / "logs" / f"{name.replace(' ', '-')}.log")

    code = service(
        "code server", [python, "-m", "dagster", "code-server", "start", "-m", "crypto_platform.definitions"]
    )
    code.command = [*code.command, "--host", _HOST, "--port", str(code_port)]
    code.ready = lambda: _listens(code_port)
    server = service("webserver", [python, "-m", "dagster_webserver", "-w", workspace])
    server.command = [*server.command, "--host", _HOST, "--port", str(settings.dagster_port)]
    server.ready = lambda: _answers(f"{web}/server_info")
    daemon = service("daemon", [python, "-m", "dagster._daemon", "run", "-w", workspace])
    for each in (code, server, daemon):
        out.print(f"Starting the {each.name} …", style="dim")
        supervisor.start(each)
    out.print(f"\n[bold]{world}[/] data in {platform.home}")
    out.print(f"[bold green]Dagster UI   {web}[/]")
    if world == "sandbox":
        out.print(f"Sandbox      {settings.sandbox_url}")
    out.print(f"Logs         {platform.home / 'logs'}")
    out.print("Ctrl-C stops all of it.\n")
    _first_snapshot(platform, supervisor, service("first snapshot", [python, "-m", "crypto_platform.cli", "snapshot"]))
    while True:
        time.sleep(0.5)
        supervisor.tend()


def _start_sandbox(settings: Settings, supervisor: Supervisor) -> Settings:
    """The simulated market on its port, watched like the rest."""
    _refuse_taken_port("simulated market", settings.sandbox_port, "CRYPTO_SANDBOX_PORT")
    ready = settings.home_dir / "sandbox.json"
    command = [sys.executable, "-m", "crypto_platform.cli", "sandbox", "--ready-file", str(ready)]
    command += ["--port", str(settings.sandbox_port), "--seed", str(settings.sandbox_seed)]
    command += ["--coins", str(settings.sandbox_coins)]
    out.print("Starting the simulated market …", style="dim")
    url = f"http://{_HOST}:{settings.sandbox_port}"
    log = settings.home_dir / "logs" / "sandbox.log"
    supervisor.start(Service("simulated market", command, {}, log, lambda: _answers(f"{url}/_sandbox/clock")))
    return in_sandbox(settings, url)


def _environment(platform: Platform) -> dict[str, str]:
    """What the children need to open the same platform."""
    from crypto_platform.runner import dagster_environment

    settings = platform.settings
    with socket.socket() as free:
        free.bind((_HOST, 0))
        code_port = free.getsockname()[1]
    environment = {
        **dagster_environment(platform),
        "CRYPTO_HOME": str(platform.home),
        "CRYPTO_UPSTREAM": platform.world,
        "CRYPTO_CODE_HOST": _HOST,
        "CRYPTO_CODE_PORT": str(code_port),
        "PYTHONUNBUFFERED": "1",
    }
    if platform.world == "sandbox":
        environment["CRYPTO_SANDBOX_URL"] = settings.sandbox_url or ""
        environment["CRYPTO_CROSSWALK_FILE"] = str(settings.crosswalk_file)
    return environment


def _first_snapshot(platform: Platform, supervisor: Supervisor, service: Service) -> None:
    """On a home without any snapshot, take one now instead of waiting for the hour."""
    if any(platform.lake.partitions(RAW_SNAPSHOTS, source) for source in platform.lake.sources(RAW_SNAPSHOTS)):
        return
    out.print("A new home: taking the first snapshot …", style="dim")
    done = supervisor.once(service)
    if done:
        out.print("The first snapshot has landed; the next comes with its schedule.")
    else:
        out.print(f"The first snapshot did not succeed: {supervisor.last_words(service)}", style="yellow")


@contextmanager
def _stoppable() -> Iterator[None]:
    """Ctrl-C and SIGTERM end the command in order; a second one changes nothing."""

    def stop(_number: int, _frame: FrameType | None) -> None:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)
        raise _StopError

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _refuse_taken_port(what: str, port: int, setting: str) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((_HOST, port))
        except OSError as error:
            fail(
                f"The {what}'s port {port} cannot be had ({error.strerror}); "
                f"stop what uses it, or set {setting} to another one."
            )


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((_HOST, port)) == 0


def _answers(url: str) -> bool:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=2) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False
