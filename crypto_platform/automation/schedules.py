"""The schedules, in UTC: the hourly snapshot of each source, and the daily close.

The daily close finalises yesterday and asks for a trailing window of history again; gold follows by its sensor.
"""

from collections.abc import Callable
from datetime import timedelta

import dagster as dg

from crypto_platform.automation.jobs import Job, Jobs
from crypto_platform.graph import Graph
from crypto_platform.tables import HISTORIC_PRICES

Tick = Callable[[dg.ScheduleEvaluationContext], dg.RunRequest]


def build_schedules(graph: Graph, jobs: Jobs) -> list[dg.ScheduleDefinition]:
    """Every schedule; a missed tick is never caught up, for a snapshot shows the moment it is taken."""
    settings = graph.platform.settings

    def snapshot(_context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
        return dg.RunRequest(partition_key=graph.platform.clock().date().isoformat())

    def close_yesterday(_context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
        yesterday = graph.platform.clock().date() - timedelta(days=1)
        return dg.RunRequest(partition_key=yesterday.isoformat())

    def trailing_history(_context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
        today = graph.platform.clock().date()
        months = graph.calendar.between(HISTORIC_PRICES, today - timedelta(days=settings.trailing_days), today)
        return dg.RunRequest(tags=range_tags(months[0].key, months[-1].key))

    schedules = [
        _schedule(
            f"snapshot_{source}",
            job,
            settings.snapshot_cron,
            f"A live snapshot of {source}; none is caught up.",
            snapshot,
        )
        for source, job in jobs.snapshot.items()
    ]
    schedules += [
        _schedule(
            f"daily_close_{source}_snapshots",
            job,
            settings.daily_close_cron,
            f"Yesterday of {source} once more, with the rows that came after midnight.",
            close_yesterday,
        )
        for source, job in jobs.close_day.items()
    ]
    schedules += [
        _schedule(
            f"daily_close_{source}_history",
            job,
            settings.daily_close_cron,
            f"History of {source} over the last {settings.trailing_days} days: bars are restated and filled in.",
            trailing_history,
        )
        for source, job in jobs.history.items()
    ]
    return schedules


def _schedule(name: str, job: Job, cron: str, about: str, tick: Tick) -> dg.ScheduleDefinition:
    return dg.schedule(
        name=name,
        job=job,
        cron_schedule=cron,
        execution_timezone="UTC",
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description=about,
    )(tick)


def range_tags(first: str, last: str) -> dict[str, str]:
    """What makes one run of a range of partitions."""
    return {"dagster/asset_partition_range_start": first, "dagster/asset_partition_range_end": last}
