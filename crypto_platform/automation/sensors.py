"""The sensor that refreshes gold: months whose inputs changed by content, in one run for each stretch of months."""

from collections.abc import Iterator, Sequence

import dagster as dg

from crypto_platform.automation.jobs import Job
from crypto_platform.automation.schedules import range_tags
from crypto_platform.graph import Graph
from crypto_platform.projection import months_to_refresh


def refresh_gold(graph: Graph, job: Job) -> dg.SensorDefinition:
    """Asks the warehouse what gold is made of; while a refresh is under way, waits for it."""

    def look(context: dg.SensorEvaluationContext) -> Iterator[dg.RunRequest | dg.SkipReason]:
        unfinished = context.instance.get_runs(
            dg.RunsFilter(
                job_name=job.name,
                statuses=[dg.DagsterRunStatus.QUEUED, dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED],
            ),
            limit=1,
        )
        if unfinished:
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
        job=job,
        minimum_interval_seconds=60,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Refreshes the months of unified_prices whose inputs changed.",
    )


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
