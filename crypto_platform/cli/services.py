"""The processes `up` keeps: the simulated market, PostgreSQL, and Dagster's code server, webserver and daemon."""

from __future__ import annotations

import socket
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from crypto_platform.cli.dagster_web import DagsterWeb, answers, listens
from crypto_platform.settings import Settings
from crypto_platform.shipped import shipped_path
from crypto_platform.supervisor import Service

if TYPE_CHECKING:
    from crypto_platform.platform import Platform
    from crypto_platform.warehouse import Warehouse

HOST = "127.0.0.1"


def simulated_market(settings: Settings) -> Service:
    ready = settings.home_dir / "sandbox.json"
    command = [sys.executable, "-m", "crypto_platform.cli", "sandbox", "--ready-file", str(ready)]
    command += ["--port", str(settings.sandbox_port), "--seed", str(settings.sandbox_seed)]
    command += ["--coins", str(settings.sandbox_coins)]
    clock = f"{settings.sandbox_url}/_sandbox/clock"
    return Service("simulated market", command, {}, settings.home_dir / "logs" / "sandbox.log", lambda: answers(clock))


@dataclass
class PostgreSQL:
    """The embedded server as the supervisor keeps it: started by the warehouse, revived by it."""

    warehouse: Warehouse
    home: Path
    name: str = "PostgreSQL server"

    def launch(self) -> None:
        self.warehouse.revive()

    def is_ready(self) -> bool:
        return self.warehouse.alive

    def fate(self) -> str | None:
        return None if self.warehouse.alive else "its process is gone"

    def last_words(self) -> str:
        return f"see {self.home / 'logs' / 'postgres.log'}"


def dagster_services(platform: Platform, settings: Settings, web: DagsterWeb) -> tuple[Service, Service, Service]:
    """The code server, the webserver and the daemon; they find each other in whatever order they come up."""
    code_port = free_port()
    environment = _environment(platform, settings, code_port)
    workspace = ["--workspace", str(shipped_path("workspace.yaml"))]

    def service(name: str, module: str, *arguments: str) -> Service:
        log = platform.home / "logs" / f"{name.replace(' ', '-')}.log"
        return Service(name, [sys.executable, "-m", module, *arguments], environment, log)

    def without_code(pid: int) -> str | None:
        """The code server works through a process below it, and goes on without it if that dies or cannot start."""
        with suppress(psutil.NoSuchProcess):
            below = psutil.Process(pid).children()
            if not any(child.status() != psutil.STATUS_ZOMBIE for child in below) and listens(HOST, code_port):
                return "the process with its code is gone"
        return None

    at_code = ["--host", HOST, "--port", str(code_port)]
    code = service("code server", "dagster", "code-server", "start", "-m", "crypto_platform.definitions", *at_code)
    code.ready = lambda: listens(HOST, code_port) and web.shows_the_code()
    code.useless = without_code
    at_web = ["--host", HOST, "--port", str(settings.dagster_port)]
    webserver = service("webserver", "dagster_webserver", *workspace, *at_web)
    webserver.ready = lambda: answers(f"{web.url}/server_info")
    daemon = service("daemon", "dagster._daemon", "run", *workspace)
    daemon.ready = lambda: web.daemon_ticks(daemon.launched)
    return code, webserver, daemon


def _environment(platform: Platform, settings: Settings, code_port: int) -> dict[str, str]:
    """What the children, and the runs below them, need to open the same platform."""
    from crypto_platform.runner import dagster_environment

    environment = {
        **dagster_environment(platform),
        "CRYPTO_HOME": str(platform.home),
        "CRYPTO_UPSTREAM": platform.world,
        "CRYPTO_CODE_HOST": HOST,
        "CRYPTO_CODE_PORT": str(code_port),
        "PYTHONUNBUFFERED": "1",
    }
    if settings.sandbox_url:
        environment["CRYPTO_SANDBOX_URL"] = settings.sandbox_url
        environment["CRYPTO_CROSSWALK_FILE"] = str(settings.crosswalk_file)
    return environment


def free_port() -> int:
    with socket.socket() as free:
        free.bind((HOST, 0))
        port: int = free.getsockname()[1]
        return port
