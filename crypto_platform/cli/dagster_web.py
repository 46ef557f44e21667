"""What `up` asks Dagster's webserver: whether the code is loaded, whether the daemon ticks, to launch a run."""

from __future__ import annotations

import json
import re
import socket
import urllib.error
import urllib.request
from typing import Any

_SECONDS = 5
_ERROR_NAME = re.compile(r"^[\w.]+: ")
_LOCATION = {"repositoryLocationName": "crypto_platform", "repositoryName": "__repository__"}

_STATE = """
query State {
  workspaceOrError { ... on Workspace { locationEntries { locationOrLoadError {
    __typename ... on PythonError { message className errorChain { error { className message } } } } } } }
  instance { daemonHealth { allDaemonStatuses { required lastHeartbeatTime } } }
}
"""
_LAUNCH = """
mutation Launch($execution: ExecutionParams!) {
  launchRun(executionParams: $execution) {
    __typename
    ... on LaunchRunSuccess { run { runId } }
    ... on PythonError { message }
  }
}
"""
_STATUS = "query Status($id: ID!) { runOrError(runId: $id) { ... on Run { status } } }"


class CodeError(Exception):
    """The code server runs, and what it should serve cannot be loaded."""


class DagsterWeb:
    """A webserver on this machine; while it starts or is down, every answer is no."""

    def __init__(self, url: str) -> None:
        self.url = url

    def shows_the_code(self) -> bool:
        """Whether the assets can be seen; an error that waiting will not mend is raised."""
        for entry in self._ask(_STATE).get("workspaceOrError", {}).get("locationEntries", []):
            told = entry["locationOrLoadError"] or {}
            if told.get("__typename") == "RepositoryLocation":
                return True
            if told and told["className"] != "DagsterUserCodeUnreachableError":
                deepest = [told, *(link["error"] for link in told["errorChain"])][-1]
                raise CodeError(f"The code does not load: {_ERROR_NAME.sub('', deepest['message'].strip())}")
        return False

    def daemon_ticks(self, since: float) -> bool:
        """Whether every part of the daemon has given a sign of life after that time."""
        health = self._ask(_STATE).get("instance", {}).get("daemonHealth", {})
        beats = [status["lastHeartbeatTime"] for status in health.get("allDaemonStatuses", []) if status["required"]]
        return bool(beats) and all((beat or 0) >= since for beat in beats)

    def launch(self, job: str, partition: str) -> str | None:
        """Launch a job for a partition; the run's id, or None if that was refused."""
        execution = {
            "selector": {**_LOCATION, "jobName": job},
            "runConfigData": {},
            "executionMetadata": {"tags": [{"key": "dagster/partition", "value": partition}]},
        }
        run: dict[str, str] = self._ask(_LAUNCH, execution=execution).get("launchRun", {}).get("run", {})
        return run.get("runId")

    def status_of(self, run: str) -> str | None:
        told: str | None = self._ask(_STATUS, id=run).get("runOrError", {}).get("status")
        return told

    def run_page(self, run: str) -> str:
        return f"{self.url}/runs/{run}"

    def _ask(self, query: str, **variables: object) -> dict[str, Any]:
        body = json.dumps({"query": query, "variables": variables}).encode()
        request = urllib.request.Request(f"{self.url}/graphql", body, {"Content-Type": "application/json"})  # noqa: S310
        try:
            with _direct().open(request, timeout=_SECONDS) as answer:
                data: dict[str, Any] = json.load(answer).get("data") or {}
                return data
        except (OSError, ValueError):
            return {}


def answers(url: str) -> bool:
    """Whether something answers there as it should."""
    try:
        with _direct().open(url, timeout=2) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def listens(host: str, port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((host, port)) == 0


def _direct() -> urllib.request.OpenerDirector:
    """Whatever proxy is set, this machine is reached without it."""
    return urllib.request.build_opener(urllib.request.ProxyHandler({}))
