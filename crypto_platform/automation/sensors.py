"""The sensors: they look at what things are made of, not at what ran, and ask for a run where the two differ."""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta

import dagster as dg

from crypto_platform.automation.jobs import Job, Jobs
from crypto_platform.automation.schedules import range_tags
from crypto_platform.evidence import crosswalk_is_current, wanted_evidence
from crypto_platform.graph import Graph
from crypto_platform.lake.drop import signature
from crypto_platform.projection import input_hashes, months_to_refresh, outdated
from crypto_platform.tables import BRONZE_MARKETS, HISTORIC_PRICES, stretches

Look = Iterator[dg.RunRequest | dg.SkipReason]

_TRY_AGAIN = timedelta(minutes=10)
"""A reading that failed is asked for again, but not at every look."""


def build_sensors(graph: Graph, jobs: Jobs) -> list[dg.SensorDefinition]:
    return [
        _read_files(graph, jobs),
        _catch_up(graph, jobs),
        _refresh_identity(graph, jobs),
        _refresh_gold(graph, jobs),
    ]


def _read_files(graph: Graph, jobs: Jobs) -> dg.SensorDefinition:
    """The drop folder, by names, sizes and times; what is in the files is for the run to see.

    The cursor holds what was seen at the last look, what was last asked for, and when.
    """

    def look(context: dg.SensorEvaluationContext) -> Look:
        seen = signature(graph.platform.lake)
        before, asked, when = (*(context.cursor or "").split(" "), "", "", "")[:3]
        context.update_cursor(f"{seen} {asked} {when}")
        if seen == asked and not (_failed(context, jobs.files.name) and is_past(when)):
            yield dg.SkipReason("Nothing in the drop folder changed.")
        elif seen != before:
            yield dg.SkipReason("The drop folder is changing; it is read once it looks the same twice.")
        elif _under_way(context, jobs.files.name):
            yield dg.SkipReason("It is being read.")
        else:
            context.update_cursor(f"{seen} {seen} {graph.platform.clock().isoformat()}")
            yield dg.RunRequest()

    def is_past(when: str) -> bool:
        return not when or graph.platform.clock() - datetime.fromisoformat(when) >= _TRY_AGAIN

    return _sensor("read_files", look, [jobs.files], 30, "Reads the files that people drop.")


def _catch_up(graph: Graph, jobs: Jobs) -> dg.SensorDefinition:
    """Raw objects that nothing was made of yet: of dropped files, and of runs that ended too early."""
    followed = [(BRONZE_MARKETS, source, job, jobs.snapshot.get(source)) for source, job in jobs.close_day.items()] + [
        (HISTORIC_PRICES, source, job, jobs.history.get(source)) for source, job in jobs.derive_history.items()
    ]

    def look(context: dg.SensorEvaluationContext) -> Look:
        lake, waiting = graph.platform.lake, 0
        with graph.platform.warehouse.connect() as connection:
            for table, source, job, landing in followed:
                if any(each and _under_way(context, each.name) for each in (job, landing)):
                    continue
                late = outdated(lake, connection, table, source)
                known = {partition.key for partition in graph.calendar.between(table, date.min, date.max)}
                for first, last in stretches(sorted(late.keys() & known)):
                    waiting += 1
                    made_of = "".join(late[key] for key in sorted(late) if first <= key <= last)
                    digest = hashlib.sha256(made_of.encode()).hexdigest()[:16]
                    yield dg.RunRequest(
                        run_key=_once_an_hour(job.name, first, last, digest),
                        job_name=job.name,
                        tags=range_tags(first, last),
                    )
        if not waiting:
            yield dg.SkipReason("Everything that was landed has been made use of.")

    return _sensor(
        "catch_up",
        look,
        [job for _, _, job, _ in followed],
        30,
        "Makes the days and months of which raw rows were landed that nothing was made of.",
    )


def _refresh_identity(graph: Graph, jobs: Jobs) -> dg.SensorDefinition:
    """The crosswalk of the lake against the evidence there is now."""

    def look(context: dg.SensorEvaluationContext) -> Look:
        platform = graph.platform
        if crosswalk_is_current(platform.lake, platform.settings.crosswalk_file):
            yield dg.SkipReason("The crosswalk is what its evidence gives.")
        elif _under_way(context, jobs.identity.name):
            yield dg.SkipReason("A run of it is under way.")
        else:
            wanted = wanted_evidence(platform.lake, platform.settings.crosswalk_file)
            yield dg.RunRequest(run_key=_once_an_hour(jobs.identity.name, wanted))

    return _sensor(
        "refresh_identity", look, [jobs.identity], 60, "Makes the crosswalk again when its evidence changed."
    )


def _refresh_gold(graph: Graph, jobs: Jobs) -> dg.SensorDefinition:
    """Months whose inputs changed by content, in one run for each stretch of months."""

    def look(context: dg.SensorEvaluationContext) -> Look:
        if _under_way(context, jobs.gold.name):
            yield dg.SkipReason("A refresh is under way.")
            return
        with graph.platform.warehouse.connect() as connection:
            months = months_to_refresh(connection)
            inputs = input_hashes(connection) if months else {}
        if not months:
            yield dg.SkipReason("Gold is made of the inputs as they are.")
        for first, last in stretches(months):
            made_of = "".join(inputs[month] for month in months if first <= month <= last)
            key = _once_an_hour(jobs.gold.name, first, last, hashlib.sha256(made_of.encode()).hexdigest()[:16])
            yield dg.RunRequest(run_key=key, tags=range_tags(first, last))

    return _sensor(
        "refresh_gold", look, [jobs.gold], 60, "Refreshes the months of unified_prices whose inputs changed."
    )


def _sensor(
    name: str, look: Callable[[dg.SensorEvaluationContext], Look], jobs: Sequence[Job], seconds: int, about: str
) -> dg.SensorDefinition:
    return dg.SensorDefinition(
        name=name,
        evaluation_fn=look,
        jobs=jobs,
        minimum_interval_seconds=seconds,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description=about,
    )


def _once_an_hour(*of_what: str) -> str:
    """A run's key: what failed is tried again, but the same content no more than once an hour."""
    return " ".join((*of_what, f"{datetime.now(UTC):%Y-%m-%dT%H}"))


def _failed(context: dg.SensorEvaluationContext, job: str) -> bool:
    """Whether the newest run of a job failed."""
    newest = context.instance.get_runs(dg.RunsFilter(job_name=job), limit=1)
    return bool(newest and newest[0].status is dg.DagsterRunStatus.FAILURE)


def _under_way(context: dg.SensorEvaluationContext, job: str) -> bool:
    unfinished = [dg.DagsterRunStatus.QUEUED, dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED]
    return bool(context.instance.get_runs(dg.RunsFilter(job_name=job, statuses=unfinished), limit=1))
