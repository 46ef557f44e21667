"""Dagster's own run launcher, which can also tell when the process of a run is gone without a word.

Without this a run whose process was killed together with its code server would count as running for ever, hold its
pool, and keep `refresh_gold` waiting.
"""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import psutil
from dagster import DagsterEventType, DefaultRunLauncher
from dagster._core.launcher import CheckRunHealthResult, WorkerStatus
from dagster._core.storage.tags import GRPC_INFO_TAG
from dagster._grpc.client import DagsterGrpcClient
from dagster._grpc.types import CanCancelExecutionRequest, CanCancelExecutionResult
from dagster._serdes import deserialize_value

from crypto_platform.run_process import PROCESS_TAG, lives

if TYPE_CHECKING:
    from dagster import DagsterRun

_HERE = ("127.0.0.1", "localhost")


class WatchfulRunLauncher(DefaultRunLauncher):
    """Chosen by `dagster.yaml`."""

    @property
    def supports_check_run_worker_health(self) -> bool:
        return True

    def check_run_worker_health(self, run: DagsterRun) -> CheckRunHealthResult:
        """By the run's process where the code server is on this machine, else by what the code server says of it."""
        if os.environ.get("CRYPTO_CODE_HOST") in _HERE:
            if told := run.tags.get(PROCESS_TAG):
                gone = CheckRunHealthResult(WorkerStatus.FAILED, "The command that it ran in is gone.")
                return CheckRunHealthResult(WorkerStatus.RUNNING) if lives(told) else gone
            return self._by_process(run)
        if GRPC_INFO_TAG in run.tags:
            return _by_server(run)
        return CheckRunHealthResult(WorkerStatus.RUNNING, "It was started by a command, perhaps on another machine.")

    def _by_process(self, run: DagsterRun) -> CheckRunHealthResult:
        started = self._instance.all_logs(run.run_id, of_type=DagsterEventType.ENGINE_EVENT)
        for event in reversed(started):
            told = event.dagster_event.engine_event_data.metadata.get("pid") if event.dagster_event else None
            if told is None:
                continue
            pid = int(str(told.value))
            if _lives(pid, since=event.timestamp):
                return CheckRunHealthResult(WorkerStatus.RUNNING)
            return CheckRunHealthResult(WorkerStatus.FAILED, f"Its process {pid} is gone.")
        return CheckRunHealthResult(WorkerStatus.RUNNING, "It has not said which process it is.")


def _lives(pid: int, since: float) -> bool:
    """Whether a process lives that was there at that time; a later one by the same number does not count."""
    try:
        process = psutil.Process(pid)
        return process.status() != psutil.STATUS_ZOMBIE and process.create_time() <= since + 1
    except psutil.NoSuchProcess:
        return False


def _by_server(run: DagsterRun) -> CheckRunHealthResult:
    where = json.loads(run.tags[GRPC_INFO_TAG])
    client = DagsterGrpcClient(port=where.get("port"), socket=where.get("socket"), host=where.get("host"))
    answer = client.can_cancel_execution(CanCancelExecutionRequest(run_id=run.run_id))
    if deserialize_value(answer, CanCancelExecutionResult).can_cancel:
        return CheckRunHealthResult(WorkerStatus.RUNNING)
    return CheckRunHealthResult(WorkerStatus.FAILED, f"The code server at {where.get('host')} does not run it.")
