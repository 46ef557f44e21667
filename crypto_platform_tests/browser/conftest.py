"""One small home, made by the command line and shown by `up`, and one Chromium to look at it with."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright
from running_up import RunningUp, environment

_NEVER = "59 23 29 2 *"
_COINS, _HOURS = 15, 3


@pytest.fixture(scope="session")
def running_ui(tmp_path_factory: pytest.TempPathFactory, browser: Browser) -> Iterator[RunningUp]:
    """`up` on a home that the demo has filled; its own schedules never tick."""
    home = tmp_path_factory.mktemp("browser") / "home"
    settings = {"SNAPSHOT_CRON": _NEVER, "DAILY_CLOSE_CRON": _NEVER, "COINGECKO_TOP": str(_COINS), "HISTORY_TOP": "3"}
    demo = [sys.executable, "-m", "crypto_platform.cli", "demo", "--coins", str(_COINS), "--hours", str(_HOURS)]
    subprocess.run(demo, env=environment(home), check=True, capture_output=True, timeout=120)
    with RunningUp(home, **settings) as up:
        yield up.start().await_ready()


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    chromium = os.environ.get("CHROMIUM") or shutil.which("chromium") or "/usr/bin/chromium"
    if not Path(chromium).exists():
        reason = f"There is no Chromium at {chromium}; install it, or set CHROMIUM to where it is."
        if os.environ.get("CRYPTO_REQUIRE_ALL") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    quiet = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
    quiet += ["--disable-sync", "--no-first-run", "--disable-domain-reliability", "--metrics-recording-only"]
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=chromium, args=quiet)
        yield opened
        opened.close()


@pytest.fixture
def page(browser: Browser, running_ui: RunningUp) -> Iterator[Page]:
    """A new window on the UI, which asks nobody but the UI."""
    context = browser.new_context(base_url=running_ui.url, viewport={"width": 1600, "height": 1000})
    context.route(lambda url: not url.startswith(running_ui.url), lambda route: route.abort())
    context.set_default_timeout(30_000)
    opened = context.new_page()
    yield opened
    if folder := os.environ.get("CRYPTO_SCREENSHOTS"):
        name = os.environ["PYTEST_CURRENT_TEST"].rsplit("::", 1)[-1].split(" ")[0]
        opened.screenshot(path=Path(folder) / f"{name}.png")
    context.close()
