"""Opening the platform for a command: settings, the home, and the simulated market where that is the upstream."""

from __future__ import annotations

import json
import logging
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from crypto_platform.clock import ClockError, sandbox_clock
from crypto_platform.home import SANDBOX_CROSSWALK, HomeError, open_home, world_of
from crypto_platform.platform import Platform
from crypto_platform.settings import Settings, load_settings
from crypto_platform.supervisor import die_with_parent

if TYPE_CHECKING:
    from crypto_platform.runner import Runner

_START_SECONDS = 30


@contextmanager
def open_platform(settings: Settings | None = None, *, vendors: bool = False) -> Iterator[Platform]:
    """The platform on the home; with its vendors reachable, if a command asks them anything."""
    settings = settings or load_settings()
    log_to_stderr(settings)
    if vendors and world_of(settings) == "sandbox" and not settings.sandbox_url:
        open_home(settings)
        with running_sandbox(settings) as url, Platform(in_sandbox(settings, url)) as platform:
            yield platform
        return
    with Platform(settings) as platform:
        yield platform


@contextmanager
def open_runner(settings: Settings | None = None, *, vendors: bool = False) -> Iterator[Runner]:
    """A platform and a runner of its assets."""
    with open_platform(settings, vendors=vendors) as platform:
        from crypto_platform.runner import open_runner as opened

        with opened(platform) as runner:
            yield runner


def require_stores(settings: Settings) -> None:
    """Reading needs something that was made before; only writing makes a home."""
    if not (settings.home_dir / "world").exists() and not settings.lake:
        raise HomeError(
            f"There is no home at {settings.home_dir} yet; `crypto-platform demo` or `up` makes one, "
            "or set CRYPTO_HOME to the one you mean."
        )


def log_to_stderr(settings: Settings) -> None:
    """Standard output belongs to what a command prints; what the rooms log goes beside it."""
    import structlog

    level = logging.getLevelNamesMapping()[settings.log_level]
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )


def in_sandbox(settings: Settings, url: str) -> Settings:
    """The settings for a simulated market at this address; its identities are kept in the home."""
    import requests

    file = settings.home_dir / SANDBOX_CROSSWALK
    session = requests.Session()
    session.trust_env = False
    try:
        answer = session.get(f"{url}/_sandbox/crosswalk", timeout=30)
        answer.raise_for_status()
    except requests.RequestException as error:
        raise HomeError(
            f"The simulated market at {url} does not answer ({type(error).__name__}); start it again."
        ) from error
    partial = file.with_suffix(".part")
    partial.write_bytes(answer.content)
    partial.replace(file)
    return settings.model_copy(update={"upstream": "sandbox", "sandbox_url": url})


@contextmanager
def running_sandbox(settings: Settings) -> Iterator[str]:
    """The simulated market that `up` runs on the home, else one of this command's own for as long as it is needed.

    Of two commands each has its own: the first to end would take it from the other.
    """
    url = _running(settings.home_dir / "sandbox.json")
    if url:
        yield url
        return
    # Gone with the scratch of a killed process, if need be.
    ready = settings.scratch_dir / f"{os.getpid()}-sandbox" / "ready.json"
    ready.parent.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "crypto_platform.cli", "sandbox", "--port", "0", "--ready-file", str(ready)]
    command += ["--seed", str(settings.sandbox_seed), "--coins", str(settings.sandbox_coins)]
    process = subprocess.Popen(  # noqa: S603
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        start_new_session=True,
        preexec_fn=die_with_parent,  # noqa: PLW1509
    )
    try:
        yield _wait_for(ready, process)
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        shutil.rmtree(ready.parent, ignore_errors=True)


def _running(ready: Path) -> str | None:
    """The address in a ready file, if a market still answers there."""
    try:
        url = str(json.loads(ready.read_text())["url"])
        sandbox_clock(url)()
    except (OSError, ValueError, KeyError, ClockError):
        return None
    return url


def _wait_for(ready: Path, process: subprocess.Popen[bytes]) -> str:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise HomeError("The simulated market did not start; `crypto-platform sandbox` says why.")
        url = _running(ready)
        if url:
            return url
        time.sleep(0.02)
    raise HomeError(
        f"The simulated market did not answer within {_START_SECONDS} s; `crypto-platform sandbox` says why."
    )
