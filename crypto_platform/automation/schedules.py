"""The schedules, in UTC: the hourly snapshot of each source, and the daily close.

The daily close finalises yesterday and asks for a trailing window of history again; gold follows by its sensor.
"""

from collections.abc import Callable
from datetime import timedelta

import dagster as dg

from crypto_platform.assets.raw import TRAILING
from crypto_platform.automation.jobs import Job, Jobs
from crypto_platform.graph import Graph
from crypto_platform.tables import HISTORIC_PRICES

Tick = Callable[[dg.ScheduleEvaluationContext], dg.RunRequest]


def build_schedules(graph: Graph, jobs: Jobs) -> list[dg.ScheduleDefinition]:
    """Every schedule; a missed tick is never caught up, for a snapshot shows the moment it is taken."""
    settings = graph.platform.settings

    def now(_context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
        return dg.RunRequest(partition_key=graph.platform.clock().date().isoformat())

    def yesterday(_context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
        day = graph.platform.clock().date() - timedelta(days=1)
        return dg.RunRequest(partition_key=day.isoformat())

    def trailing(source: str) -> Tick:
        def ask(_context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
            today = graph.platform.clock().date()
            first = today - timedelta(days=settings.trailing_days)
            days = graph.platform.source(source).span(first, today, today)
            months = graph.calendar.between(HISTORIC_PRICES, *days)
            return dg.RunRequest(tags={**range_tags(months[0].key, months[-1].key), TRAILING: "yes"})

        return ask

    schedules = []
    for source, job in jobs.snapshot.items():
        about = f"A live snapshot of {source}; none is caught up."
        schedules.append(_schedule(f"snapshot_{source}", job, settings.snapshot_cron, about, now))
        about = f"Yesterday of {source} once more, with the rows that came after midnight."
        closing = jobs.close_day[source]
        schedules.append(
            _schedule(f"daily_close_{source}_snapshots", closing, settings.daily_close_cron, about, yesterday)
        )
    for source, job in jobs.history.items():
        about = f"History of {source} over the last {settings.trailing_days} days: bars are restated and filled in."
        name = f"daily_close_{source}_history"
        schedules.append(_schedule(name, job, settings.daily_close_cron, about, trailing(source)))
    for source, job in jobs.coins.items():
        about = f"The list of coins of {source}: what is new, and what is gone."
        schedules.append(_schedule(f"coins_{source}", job, settings.coins_cron, about, now))
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
