"""`demo`: the whole pipeline once, on the simulated market and embedded stores, ending with what there is to see."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

import click

from crypto_platform.cli.console import bar, fail, print_json, sentences
from crypto_platform.cli.pipeline import replay_stages
from crypto_platform.cli.session import in_sandbox, log_to_stderr, running_sandbox
from crypto_platform.cli.summary import show, summarise
from crypto_platform.home import only_one, open_home, world_of
from crypto_platform.settings import Settings, load_settings
from crypto_platform.shipped import sample_path
from crypto_platform.sources import asked
from crypto_platform.tables import (
    ASSETS,
    BRONZE_MARKETS,
    CROSSWALK,
    DROPPED_FILES,
    FILE_QUARANTINE,
    FROM_HISTORY,
    HISTORIC_PRICES,
    RAW_COINS,
    RAW_HISTORY,
    RAW_SNAPSHOTS,
    UNIFIED_PRICES,
    UNIFIED_VIEW,
    Partition,
    Table,
)

if TYPE_CHECKING:
    from crypto_platform.platform import Platform
    from crypto_platform.runner import Runner

_FIRST_DAY = date(2014, 9, 1)

Assets = list[tuple[Table, str | None]]


@dataclass
class Stages:
    """How long each stage took, in the order they ran."""

    quiet: bool
    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def stage(self, name: str, total: int | None = None) -> Iterator[Callable[[int, int | None], None]]:
        begun = time.perf_counter()
        with bar(name, total, quiet=self.quiet) as told:
            yield told
            if total is None:
                told(1, 1)
        self.seconds[name] = round(self.seconds.get(name, 0) + time.perf_counter() - begun, 2)


@click.command()
@click.option("--coins", default=250, show_default=True, type=click.IntRange(1, 1000), help="Coins in each snapshot.")
@click.option("--hours", default=48, show_default=True, type=click.IntRange(1, 168), help="Hourly snapshots to take.")
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON.")
@sentences
def demo(coins: int, hours: int, as_json: bool) -> None:
    """The whole pipeline once: history, snapshots, checks and gold, on a simulated market; nothing leaves this machine.

    A second run asks for history again, finds nothing new, and says so.
    """
    begun = time.perf_counter()
    settings = _settings(coins)
    log_to_stderr(settings)
    stages = Stages(as_json)
    with ExitStack() as opened:
        with stages.stage("Simulated market"):
            open_home(settings)
            opened.enter_context(only_one(settings.home_dir, "up"))  # two clocks on one home would not agree
            url = opened.enter_context(running_sandbox(settings))
            platform = opened.enter_context(_platform(in_sandbox(settings, url)))
        with stages.stage("PostgreSQL and Dagster"):
            before = _checksums(platform)
            runner = opened.enter_context(_runner(platform))
        clock = SandboxClock(url, _as_of(settings))
        _ask_for_coins(runner, clock, stages)
        landed = _take_snapshots(runner, clock, hours, stages)
        _read_files(runner, stages)
        _derive(runner, stages, _before_history)
        _ask_for_history(runner, clock, stages)
        _derive(runner, stages, _after_history)
        with stages.stage("Unified view"):
            runner.run([(UNIFIED_VIEW, None)])
        stages.seconds["total"] = round(time.perf_counter() - begun, 2)
        summary = summarise(platform, runner.checks, stages.seconds)
        summary.nothing_new = landed == 0 and before == _checksums(platform)
    if as_json:
        print_json(summary.as_json())
    else:
        show(summary)


def _settings(coins: int) -> Settings:
    """The settings as they are, in the sandbox world; a live home is left alone."""
    settings = load_settings()
    if settings.upstream != "live" and not (settings.home_dir / "world").exists():
        settings = settings.model_copy(update={"upstream": "sandbox"})
    if world_of(settings) == "live":
        fail(
            f"The home {settings.home_dir} is for live data and the demo would mix simulated data into it; "
            "set CRYPTO_HOME to another folder, and CRYPTO_UPSTREAM to sandbox or nothing."
        )
    update = {"upstream": "sandbox", "history_top": coins, "universe_size": coins}
    return settings.model_copy(update=update).with_vendor("coingecko", top=coins)


def _platform(settings: Settings) -> Platform:
    from crypto_platform.platform import Platform

    return Platform(settings)


@contextmanager
def _runner(platform: Platform) -> Iterator[Runner]:
    from crypto_platform.runner import open_runner

    with open_runner(platform) as runner:
        yield runner


class SandboxClock:
    """Sets the simulated market's clock, which is also the platform's, and holds it there."""

    def __init__(self, url: str, as_of: datetime) -> None:
        import requests

        self.as_of = as_of
        self._url = f"{url}/_sandbox/clock"
        self._session = requests.Session()
        self._session.trust_env = False

    def set(self, moment: datetime) -> None:
        answer = self._session.put(self._url, json={"now": moment.isoformat(), "frozen": True}, timeout=10)
        answer.raise_for_status()


def _as_of(settings: Settings) -> datetime:
    """The hour the demo shows: that of its first run on this home, so that a second run asks for the same."""
    file = settings.home_dir / "demo.json"
    if not file.exists():
        hour = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
        file.write_text(json.dumps({"as_of": hour.isoformat()}))
    return datetime.fromisoformat(json.loads(file.read_text())["as_of"])


def _checksums(platform: Platform) -> dict[str, tuple[int, str]]:
    """A checksum over each warehouse table that derives from raw."""
    from crypto_platform.projection import projected_tables
    from crypto_platform.warehouse import checksum

    with platform.warehouse.connect() as connection:
        relations = sorted({table.warehouse for table in projected_tables() if table.warehouse})
        return {relation: checksum(connection, relation) for relation in relations}


def _ask_for_coins(runner: Runner, clock: SandboxClock, stages: Stages) -> None:
    """Each vendor's list of coins, once for a home, and the identities that follow."""
    clock.set(clock.as_of)
    today = Partition(clock.as_of.date().isoformat())
    with stages.stage("Lists of coins"):
        for source in asked("coins"):
            _land_once(runner, RAW_COINS, source, today, f"demo coins {source}")
        runner.run([(CROSSWALK, None)])


def _ask_for_history(runner: Runner, clock: SandboxClock, stages: Stages) -> None:
    today = clock.as_of.date()
    for source in asked("history"):
        first = max(_FIRST_DAY, runner.platform.source(source).first_day(today) or _FIRST_DAY)
        months = runner.calendar.between(HISTORIC_PRICES, first, today)
        with stages.stage(f"History of {source}") as told:
            runner.platform.progress[source] = told
            runner.run([(table, source) for table in (RAW_HISTORY, *FROM_HISTORY)], months)
            del runner.platform.progress[source]


def _read_files(runner: Runner, stages: Stages) -> None:
    """The sample that ships, and whatever else was dropped."""
    from crypto_platform.lake.drop import put_into_drop

    sample = sample_path("snapshot.csv")
    with stages.stage("Dropped files"):
        put_into_drop(runner.platform.lake, sample.name, sample.read_bytes())
        runner.run([(DROPPED_FILES, None), (FILE_QUARANTINE, None)])


def _land_once(runner: Runner, raw: Table, source: str, day: Partition, name: str) -> bool:
    """Land a batch that goes by a name; false if it is there already."""
    from crypto_platform.assets.raw import batch_id_for

    if runner.platform.lake.store.exists(runner.platform.lake.raw_key(raw, source, day, batch_id_for(name))):
        return False
    runner.run([(raw, source)], [day], tags={"crypto/batch": name})
    return True


def _take_snapshots(runner: Runner, clock: SandboxClock, hours: int, stages: Stages) -> int:
    """One landed snapshot of each source for each simulated hour that has none yet; how many that were."""
    landed = 0
    sources = asked("snapshots")
    with stages.stage(f"Snapshots of {', '.join(sources)}", hours) as told:
        for number in range(hours):
            moment = clock.as_of - timedelta(hours=hours - 1 - number)
            today = Partition(moment.date().isoformat())
            clock.set(moment)
            for source in sources:
                landed += _land_once(runner, RAW_SNAPSHOTS, source, today, f"demo {source} {moment:%Y-%m-%dT%H}")
            told(number + 1, None)
    clock.set(clock.as_of)
    return landed


def _derive(runner: Runner, stages: Stages, wanted: Callable[[Assets], bool]) -> None:
    """What raw rows become, one range run a table and source: those of the stages that are wanted now."""
    for assets, partitions in replay_stages(runner, date.min, date.max):
        if wanted(assets):
            source = assets[0][1]
            gold = _has(UNIFIED_PRICES, assets) or _has(ASSETS, assets)
            layer = "Gold" if gold else "Identity" if not partitions else "Bronze and silver"
            with stages.stage(f"{layer} of {source}" if source else layer):
                runner.run(assets, partitions)


def _before_history(assets: Assets) -> bool:
    """Identity and snapshots: from them follows whose history is asked for."""
    return _has(CROSSWALK, assets) or _has(BRONZE_MARKETS, assets)


def _after_history(assets: Assets) -> bool:
    """What is left; the vendors' history was derived as it was asked for."""
    return not _before_history(assets) and not (_has(HISTORIC_PRICES, assets) and assets[0][1] in asked("history"))


def _has(table: Table, assets: Assets) -> bool:
    return any(each is table for each, _ in assets)
