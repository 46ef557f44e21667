"""`crypto-platform` in this process, on a pipeline's own home and warehouse."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from pipelines import Market, Pipeline

from crypto_platform.cli.main import main


@dataclass
class CommandLine:
    """`crypto-platform` on a home."""

    pipeline: Pipeline

    def __call__(self, *arguments: str) -> Result:
        return CliRunner().invoke(main, list(arguments))

    def json(self, *arguments: str) -> list[dict[str, object]]:
        done = self(*arguments)
        assert done.exit_code == 0, done.stderr
        told: list[dict[str, object]] = json.loads(done.stdout)
        return told

    def sentence(self, *arguments: str) -> str:
        """What a command that could not be done says."""
        done = self(*arguments)
        assert (done.exit_code, done.stdout) == (1, "")
        assert isinstance(done.exception, SystemExit)
        return " ".join(done.stderr.split()).removeprefix("Error: ")


def environment_of(pipeline: Pipeline, market: Market) -> dict[str, str]:
    """The variables that make a command work on a pipeline's home, as the pipeline does."""
    settings = pipeline.platform.settings
    given = {
        "HOME": settings.home, "WAREHOUSE": settings.warehouse, "SANDBOX_URL": market.url,
        "WAREHOUSE_READER": pipeline.reader_url, "CROSSWALK_FILE": settings.crosswalk_file,
        "COINGECKO_TOP": 40, "HISTORY_TOP": 3, "UNIVERSE_SIZE": settings.universe_size,
        "MAX_RETRIES": 0, "DAGSTER_PORT": 0,
    }  # fmt: skip
    return {f"CRYPTO_{name}": str(value) for name, value in given.items()}


@contextmanager
def commands_on(
    pipeline: Pipeline, market: Market, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[CommandLine]:
    """The command line in a folder, with no other variables than the pipeline's."""
    for name in dict(os.environ):
        if name.startswith(("CRYPTO_", "DAGSTER_", "POSTGRES_")) or name == "DATABASE_URL":
            monkeypatch.delenv(name)
    for name, value in environment_of(pipeline, market).items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(folder)
    yield CommandLine(pipeline)
    for name in ("DAGSTER_HOME", "CRYPTO_DAGSTER_URL", "CRYPTO_DAGSTER_LOGS", "DAGSTER_EVENT_BATCH_SIZE"):
        os.environ.pop(name, None)  # the runner puts them there for Dagster
