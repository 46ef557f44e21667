"""The sensors: they look at what things are made of, not at what ran, and ask for a run where the two differ."""

from collections.abc import Iterator, Sequence

import dagster as dg

from crypto_platform.automation.jobs import Jobs
from crypto_platform.automation.schedules import range_tags
from crypto_platform.graph import Graph
from crypto_platform.identity import crosswalk_rows
from crypto_platform.projection import months_to_refresh
from crypto_platform.tables import CROSSWALK

Look = Iterator[dg.RunRequest | dg.SkipReason]


def build_sensors(graph: Graph, jobs: Jobs) -> list[dg.SensorDefinition]:
    return [_refresh_identity(graph, jobs), _refresh_gold(graph, jobs)]


def _refresh_identity(graph: Graph, jobs: Jobs) -> dg.SensorDefinition:
    """The crosswalk of the lake against the evidence there is now."""

    def look(context: dg.SensorEvaluationContext) -> Look:
        lake = graph.platform.lake
        held = list(lake.batches(lake.slice(CROSSWALK).objects))
        rows = crosswalk_rows(graph.platform.settings.crosswalk_file)
        if sum(batch.num_rows for batch in held) == rows.num_rows and held == rows.combine_chunks().to_batches():
            yield dg.SkipReason("The crosswalk is what its evidence gives.")
        elif _under_way(context, jobs.identity.name):
            yield dg.SkipReason("A run of it is under way.")
        else:
            yield dg.RunRequest()

    return dg.SensorDefinition(
        name="refresh_identity",
        evaluation_fn=look,
        job=jobs.identity,
        minimum_interval_seconds=60,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Makes the crosswalk again when its evidence changed.",
    )


def _refresh_gold(graph: Graph, jobs: Jobs) -> dg.SensorDefinition:
    """Months whose inputs changed by content, in one run for each stretch of months."""

    def look(context: dg.SensorEvaluationContext) -> Look:
        if _under_way(context, jobs.gold.name):
            yield dg.SkipReason("A refresh is under way.")
            return
        with graph.platform.warehouse.connect() as connection:
            months = months_to_refresh(connection)
        if not months:
            yield dg.SkipReason("Gold is made of the inputs as they are.")
        for first, last in stretches(months):
            yield dg.RunRequest(tags=range_tags(first, last))

    return dg.SensorDefinition(
        name="refresh_gold",
        evaluation_fn=look,
        job=jobs.gold,
        minimum_interval_seconds=60,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Refreshes the months of unified_prices whose inputs changed.",
    )


def _under_way(context: dg.SensorEvaluationContext, job: str) -> bool:
    unfinished = [dg.DagsterRunStatus.QUEUED, dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED]
    return bool(context.instance.get_runs(dg.RunsFilter(job_name=job, statuses=unfinished), limit=1))


def stretches(months: Sequence[str]) -> list[tuple[str, str]]:
    """Sorted months as stretches without a hole: first and last of each."""
    found: list[tuple[str, str]] = []
    for month in months:
        if found and _number(month) == _number(found[-1][1]) + 1:
            found[-1] = (found[-1][0], month)
        else:
            found.append((month, month))
    return found


def _number(month: str) -> int:
    year, number = month.split("-")
    return int(year) * 12 + int(number)
