"""Running assets in this process, on the home's own Dagster instance, so that the UI shows what was done."""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import cached_property
from threading import Lock
from typing import TYPE_CHECKING

from crypto_platform.projection import DERIVED_FROM, months_to_refresh, outdated
from crypto_platform.run_process import PROCESS_TAG, lives, this_process
from crypto_platform.shipped import shipped_path
from crypto_platform.sources import fed_by_files
from crypto_platform.tables import (
    ASSETS,
    BRONZE_MARKETS,
    FROM_HISTORY,
    FROM_SNAPSHOTS,
    HISTORIC_PRICES,
    UNIFIED_PRICES,
    Partition,
    Table,
    stretches,
)

if TYPE_CHECKING:
    import dagster as dg

    from crypto_platform.partitions import Calendar
    from crypto_platform.platform import Platform


_OURS = {"dagster/max_retries": "0"}
"""Whoever gave the command tries again; the daemon does not."""


class RunFailedError(Exception):
    """A run did not succeed; the sentence is the first step's own."""


@dataclass
class CheckCounts:
    """How the checks of some runs came out."""

    passed: int = 0
    warned: int = 0
    failed: int = 0
    findings: dict[str, int] = field(default_factory=dict)
    """Rows that break each rule that something broke."""


def dagster_environment(platform: Platform) -> dict[str, str]:
    """The variables Dagster needs on this home; its folder is made on the way."""
    folder = platform.home / "dagster"
    folder.mkdir(exist_ok=True)
    shutil.copyfile(shipped_path("dagster.yaml"), folder / "dagster.yaml")
    return {
        "DAGSTER_HOME": str(folder),
        "CRYPTO_DAGSTER_URL": platform.warehouse.dagster_url,
        # A range run makes an event for every partition; one by one they take longer than the work itself.
        "DAGSTER_EVENT_BATCH_SIZE": "500",
    }


class Runner:
    """Executes selections of the graph in this process."""

    def __init__(self, platform: Platform, instance: dg.DagsterInstance) -> None:
        from crypto_platform.definitions import build_definitions

        self.platform = platform
        self.instance = instance
        _prepare_for_threads(instance)
        self.checks = CheckCounts()
        self._counting = Lock()
        self._definitions = build_definitions(platform)
        self._job = self._definitions.resolve_implicit_global_asset_job_def()

    def run(
        self,
        assets: Sequence[tuple[Table, str | None]],
        partitions: Sequence[Partition] = (),
        tags: dict[str, str] | None = None,
    ) -> None:
        """Materialise some tables for a stretch of partitions, checks included; raise if anything fails."""
        import dagster as dg

        from crypto_platform.automation.schedules import range_tags

        keys = [dg.AssetKey([table.name, source] if source else [table.name]) for table, source in assets]
        one = partitions[0].key if len(partitions) == 1 else None
        span = range_tags(partitions[0].key, partitions[-1].key) if len(partitions) > 1 else {}
        result = self._job.execute_in_process(
            instance=self.instance,
            asset_selection=keys,
            partition_key=one,
            tags={**span, **(tags or {}), **_OURS, PROCESS_TAG: this_process()},
            run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
            raise_on_error=False,
        )
        self._count_checks(result)
        if not result.success:
            raise RunFailedError(_first_failure(result))

    def together(self, runs: Mapping[str, Callable[[], None]]) -> dict[str, RunFailedError]:
        """Do several things at once, so that one that waits holds up no other; those that failed, by name."""
        failed: dict[str, RunFailedError] = {}
        with ThreadPoolExecutor(max_workers=max(1, len(runs))) as pool:
            for name, future in {name: pool.submit(run) for name, run in runs.items()}.items():
                try:
                    future.result()
                except RunFailedError as error:
                    failed[name] = error
        return failed

    def catch_up(self, source: str) -> list[tuple[Table, list[Partition]]]:
        """Make of a source's raw rows what was not made of them yet; the stretches that were made.

        Where one fails the others are made all the same, and the first failure is raised at the end.
        """
        made: list[tuple[Table, list[Partition]]] = []
        failed: list[RunFailedError] = []
        for table, derived in ((BRONZE_MARKETS, FROM_SNAPSHOTS), (HISTORIC_PRICES, FROM_HISTORY)):
            raw = DERIVED_FROM[table.name]
            with self.platform.warehouse.connect() as connection:
                late = outdated(self.platform.lake, connection, table, source)
            for first, last in stretches(sorted(late)):
                partitions = self.calendar.between(table, *_days(first, last))
                if partitions:
                    told = [(raw, source)] if source in fed_by_files() else []
                    try:
                        self.run([*told, *((each, source) for each in derived)], partitions)
                        made.append((table, partitions))
                    except RunFailedError as error:
                        failed.append(error)
        if failed:
            raise failed[0]
        return made

    def refresh_gold(self) -> None:
        """Unified prices of the months whose inputs changed, and the assets there are."""
        with self.platform.warehouse.connect() as connection:
            months = months_to_refresh(connection)
        for first, last in stretches(months):
            self.run([(UNIFIED_PRICES, None)], self.calendar.between(UNIFIED_PRICES, *_days(first, last)))
        if months:
            self.run([(ASSETS, None)])

    @cached_property
    def calendar(self) -> Calendar:
        from crypto_platform.partitions import Calendar

        settings = self.platform.settings
        return Calendar(settings.snapshot_start, settings.history_start)

    def _count_checks(self, result: dg.ExecuteInProcessResult) -> None:
        with self._counting:
            self._count(result.get_asset_check_evaluations())

    def _count(self, evaluations: Iterable[dg.AssetCheckEvaluation]) -> None:
        import dagster as dg

        for evaluation in evaluations:
            if evaluation.passed:
                self.checks.passed += 1
                continue
            name = f"{evaluation.asset_key.to_user_string()} {evaluation.check_name}"
            rows = evaluation.metadata["rows"].value
            self.checks.findings[name] = int(str(rows))
            if evaluation.severity is dg.AssetCheckSeverity.WARN:
                self.checks.warned += 1
            else:
                self.checks.failed += 1


@contextmanager
def open_runner(platform: Platform) -> Iterator[Runner]:
    """A runner on the home's Dagster instance."""
    import dagster as dg

    os.environ.update(dagster_environment(platform))
    logging.getLogger("dagster").setLevel(logging.CRITICAL)
    with dg.DagsterInstance.get() as instance:
        # Dagster connects anew for every event unless it is told to keep its connections.
        instance.optimize_for_webserver(statement_timeout=60_000, pool_recycle=3_600, max_overflow=5)
        _end_dead_runs(instance)
        yield Runner(platform, instance)


def _days(first: str, last: str) -> tuple[date, date]:
    begins, ends = Partition(first).first_day, Partition(last).end_day
    return begins or date.min, (ends or date.max) - timedelta(days=1)


def _prepare_for_threads(instance: dg.DagsterInstance) -> None:
    """Keep a run from what it does to the whole process, for another may run beside it."""
    from dagster._core.storage.noop_compute_log_manager import NoOpComputeLogManager

    # Dagster configures Python's logging anew as a run begins: holding logging's lock it waits for every handler,
    # and another thread's run that is just writing an event in one waits for logging's lock. It has nothing to set.
    instance.get_yaml_python_handlers = list  # type: ignore[method-assign]
    # It also turns standard output into a file until the run ends; two runs would leave it turned away for good.
    instance._compute_log_manager = NoOpComputeLogManager()


def _end_dead_runs(instance: dg.DagsterInstance) -> None:
    """A command that was killed could not say that its run had ended."""
    import dagster as dg

    unfinished = [dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.CANCELING]
    for run in instance.get_runs(dg.RunsFilter(statuses=unfinished)):
        told = run.tags.get(PROCESS_TAG)
        if told and not lives(told):
            instance.report_run_failed(run, "The command that it ran in is gone.")


def _first_failure(result: dg.ExecuteInProcessResult) -> str:
    """The sentence of what went wrong first: the failure's own description, or the exception's last line."""
    for event in result.all_events:
        if not event.is_step_failure:
            continue
        data = event.step_failure_data
        if data.user_failure_data and data.user_failure_data.description:
            return data.user_failure_data.description
        error = data.error
        while error and error.cause and (error.cls_name or "").startswith("Dagster"):
            error = error.cause  # what Dagster wrapped; a cause of ours is a detail of its sentence
        if error:
            return error.message.strip().split(": ", 1)[-1]
    return "The run failed before its first step; `crypto-platform up` shows its log."
