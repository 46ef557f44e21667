"""What Dagster's daemon does with sensors and schedules, one tick at a time and without the daemon."""

from __future__ import annotations

from dataclasses import dataclass, field

import dagster as dg
from pipelines import Pipeline

from crypto_platform.definitions import build_definitions


@dataclass
class Daemon:
    """Looks when it is told to, and remembers cursors and run keys as the daemon does."""

    pipeline: Pipeline
    cursors: dict[str, str | None] = field(default_factory=dict)
    tried: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.repository = build_definitions(self.pipeline.platform).get_repository_def()

    def look(self, sensor: str) -> list[dg.RunRequest]:
        """What a sensor asks for, but for what it has asked for before under the same key."""
        definition = self.repository.get_sensor_def(sensor)
        context = dg.build_sensor_context(
            instance=self.pipeline.instance, cursor=self.cursors.get(sensor), repository_def=self.repository
        )
        told = definition.evaluate_tick(context)
        self.cursors[sensor] = told.cursor
        asked = [each for each in told.run_requests or [] if each.run_key is None or each.run_key not in self.tried]
        self.tried |= {each.run_key for each in asked if each.run_key}
        return [each if each.job_name else each._replace(job_name=definition.job_name) for each in asked]

    def tick(self, schedule: str) -> dg.RunRequest:
        definition = self.repository.get_schedule_def(schedule)
        context = dg.build_schedule_context(instance=self.pipeline.instance, repository_def=self.repository)
        (asked,) = definition.evaluate_tick(context).run_requests or []
        return asked._replace(job_name=definition.job_name)

    def run(self, asked: dg.RunRequest) -> bool:
        """Do what was asked for; whether it went well."""
        job = self.repository.get_job(asked.job_name or "")
        return job.execute_in_process(
            instance=self.pipeline.instance,
            partition_key=asked.partition_key,
            tags=None if asked.partition_key else asked.tags,
            run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
            raise_on_error=False,
        ).success

    def begin(self, job: str) -> dg.DagsterRun:
        """A run of a job that somebody has under way."""
        return self.pipeline.instance.create_run_for_job(
            self.repository.get_job(job), status=dg.DagsterRunStatus.STARTED
        )


def months_of(asked: dg.RunRequest) -> tuple[str, str]:
    """The first and the last partition that a request is about."""
    return asked.tags["dagster/asset_partition_range_start"], asked.tags["dagster/asset_partition_range_end"]
