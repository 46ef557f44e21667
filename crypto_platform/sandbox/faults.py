"""Which requests go wrong, and how: a plan of rules, decided by hashes so that a run can be repeated. No sockets."""

from __future__ import annotations

import threading
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Literal

import msgspec

from crypto_platform.sandbox.noise import draw

Kind = Literal[
    "429",
    "429_retry_after",
    "429_in_200",
    "500",
    "503",
    "reset",
    "timeout",
    "drip",
    "truncated",
    "cut",
    "html",
]


class FaultError(Exception):
    """A plan that cannot be read; the message is one sentence."""


class Rule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One way to fail. `path` matches the path below the vendor's base, with or without its query."""

    kind: Kind
    vendor: str = "*"
    path: str = "*"
    probability: float = 1.0
    times: int | None = None
    after: int = 0
    retry_after: float = 1.0


class Plan(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    rules: list[Rule] = []
    seed: int = 0


def read_plan(source: bytes | Path) -> Plan:
    """A plan from JSON, an object `{"seed": …, "rules": […]}` or the bare list of rules."""
    where = str(source) if isinstance(source, Path) else "The request"
    try:
        body = source.read_bytes() if isinstance(source, Path) else source
        value: Any = msgspec.json.decode(body)
        return msgspec.convert({"rules": value} if isinstance(value, list) else value, Plan)
    except OSError as error:
        raise FaultError(f"The fault plan {where} cannot be read: {error.strerror}.") from None
    except msgspec.MsgspecError as error:
        raise FaultError(f"{where} holds no fault plan: {error}.") from None


class Faults:
    """Decides for each request; threads may share it."""

    def __init__(self, plan: Plan | None = None) -> None:
        self._lock = threading.Lock()
        self.use(plan or Plan())

    def use(self, plan: Plan) -> None:
        """Replaces the plan and forgets what has been counted."""
        with self._lock:
            self.plan = plan
            self._seen = [0] * len(plan.rules)
            self._fired = [0] * len(plan.rules)

    def decide(self, vendor: str, path: str, query: str) -> Rule | None:
        """The first rule that fires for this request; every matching rule before it counts it too."""
        with self._lock:
            for index, rule in enumerate(self.plan.rules):
                if not _matches(rule, vendor, path, query):
                    continue
                number = self._seen[index]
                self._seen[index] += 1
                if number < rule.after or (rule.times is not None and self._fired[index] >= rule.times):
                    continue
                if draw(self.plan.seed, index, number) < rule.probability:
                    self._fired[index] += 1
                    return rule
        return None


def _matches(rule: Rule, vendor: str, path: str, query: str) -> bool:
    if not fnmatchcase(vendor, rule.vendor):
        return False
    return fnmatchcase(path, rule.path) or bool(query and fnmatchcase(f"{path}?{query}", rule.path))
