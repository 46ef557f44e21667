"""The schedules, in UTC: the hourly snapshot of each source, and the daily close.

The daily close finalises yesterday and asks for a trailing window of history again; gold follows by its sensor.
"""

from collections.abc import Iterator
from datetime import timedelta

import dagster as dg

from crypto_platform.automation.jobs import Job, Jobs
from crypto_platform.graph import Graph
from crypto_platform.tables import HISTORIC_PRICES


def build_schedules(graph: Graph, jobs: Jobs) -> list[dg.ScheduleDefinition]:
    hourly = [_snapshots(graph, source, job) for source, job in jobs.snapshot.items()]
    closing = [_close_day(graph, source, job) for source, job in jobs.close_day.items()]
    history = [_history(graph, source, job) for source, job in jobs.history.items()]
    return [*hourly, *closing, *history]


def _schedule(name: str, job: Job, cron: str, about: str) -> dict[str, object]:
    return {
        "name": name,
        "job": job,
        "cron_schedule": cron,
        "execution_timezone": "UTC",
        "default_status": dg.DefaultScheduleStatus.RUNNING,
        "description": about,
    }


def _snapshots(graph: Graph, source: str, job: Job) -> dg.ScheduleDefinition:
    """A snapshot shows the moment it is taken, so a missed tick is never caught up."""

    def tick(_context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
        return dg.RunRequest(partition_key=graph.platform.clock().date().isoformat())

    about = f"A live snapshot of {source}; nothing is caught up."
    return dg.schedule(**_schedule(f"snapshot_{source}", job, graph.platform.settings.snapshot_cron, about))(tick)  # type: ignore[arg-type]


def _close_day(graph: Graph, source: str, job: Job) -> dg.ScheduleDefinition:
    def tick(_context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
        yesterday = graph.platform.clock().date() - timedelta(days=1)
        return dg.RunRequest(partition_key=yesterday.isoformat())

    about = f"Yesterday of {source} once more, with the rows that came after midnight."
    return dg.schedule(
        **_schedule(f"daily_close_{source}_snapshots", job, graph.platform.settings.daily_close_cron, about)
    )(tick)  # type: ignore[arg-type]


def _history(graph: Graph, source: str, job: Job) -> dg.ScheduleDefinition:
    """Vendors restate bars and fill gaps for days, so the trailing window is asked for again."""
    settings = graph.platform.settings

    def tick(_context: dg.ScheduleEvaluationContext) -> Iterator[dg.RunRequest]:
        today = graph.platform.clock().date()
        months = graph.calendar.between(HISTORIC_PRICES, today - timedelta(days=settings.trailing_days), today)
        yield dg.RunRequest(tags=range_tags(months[0].key, months[-1].key))

    about = f"History of {source} over the trailing {settings.trailing_days} days."
    return dg.schedule(**_schedule(f"daily_close_{source}_history", job, settings.daily_close_cron, about))(tick)  # type: ignore[arg-type]


def range_tags(first: str, last: str) -> dict[str, str]:
    """What makes one run of a range of partitions."""
    return {"dagster/asset_partition_range_start": first, "dagster/asset_partition_range_end": last}
