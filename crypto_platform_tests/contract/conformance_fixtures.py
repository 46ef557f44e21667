"""The fixtures of the suite of all sources. Every file of it names them as its plugin; a second conftest would get in
the way of the integration tests' own, which is imported by that name.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from conformance import Bench, OpenBench, Stage, specimen_of

from crypto_platform.platform import Platform
from crypto_platform.sandbox.server import RunningSandbox
from crypto_platform.settings import load_settings


@pytest.fixture(scope="session")
def running_stage() -> Iterator[RunningSandbox]:
    with Stage().serve() as running:
        yield running


@pytest.fixture
def stage(running_stage: RunningSandbox) -> Stage:
    staged = running_stage.sandbox
    assert isinstance(staged, Stage)
    staged.reset()
    return staged


@pytest.fixture
def open_bench(
    tmp_path: Path, running_stage: RunningSandbox, stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> Iterator[OpenBench]:
    monkeypatch.chdir(tmp_path)
    opened: list[Platform] = []

    def open_one(name: str, folder: str = "home", vendor: Mapping[str, object] | None = None, **values: Any) -> Bench:
        given: dict[str, Any] = {
            "home": tmp_path / folder, "upstream": "sandbox", "sandbox_url": running_stage.url,
            "vendors": {name: dict(specimen_of(name).few if vendor is None else vendor)},
            "max_retries": 0, "initial_retry_delay": 0, "http_timeout": 20, "_env_file": None,
        }  # fmt: skip
        platform = Platform(load_settings(**(given | values)))
        opened.append(platform)
        return Bench(platform, stage, name)

    yield open_one
    for platform in opened:
        platform.close()
