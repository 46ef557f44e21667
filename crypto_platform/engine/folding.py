"""Making a partition of the rows that stand and of what came since, where that gives what all of it at once would give.

What an object was made of is in its footer, so nothing but the lake itself is believed.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import pyarrow as pa

from crypto_platform.engine.query import Query
from crypto_platform.lake import MADE_OF, Lake
from crypto_platform.tables import Partition, Table


@dataclass(frozen=True)
class MadeOf:
    """The raw objects that a partition was made of, which never change, and a digest of the code that read them."""

    code: str
    objects: frozenset[str]

    def footer(self) -> dict[str, str]:
        return {MADE_OF: json.dumps({"code": self.code, "objects": sorted(self.objects)})}

    @classmethod
    def of(cls, lake: Lake, key: str) -> MadeOf | None:
        """What the object says; nothing where there is none, or none that can be read."""
        try:
            told = json.loads(lake.footer(key)[MADE_OF])
        except (OSError, KeyError, pa.ArrowException):
            return None
        return cls(told["code"], frozenset(told["objects"]))


@dataclass(frozen=True)
class Making:
    """How partitions are about to be made: the rows, what their objects' footers tell, and what is added to."""

    rows: Query | pa.Table
    footers: dict[str, dict[str, str]] = field(default_factory=dict)
    onto_sha256: str | None = None
    """The object that is added to; its partition is the only one."""
    new: frozenset[str] = frozenset()
    """The raw objects whose rows are added."""


def making(
    lake: Lake, code: str, table: Table, source: str | None, partitions: Sequence[Partition], query: Query
) -> Making:
    """What came since is added to the object of a single partition; in every other case all is made anew.

    That is: where the object was made by other code, where a raw object that it was made of is gone, and where nothing
    came since, for whoever asks then wants to see the rows come out again. Only to be asked while the table is held.
    """
    made_of = {each: MadeOf(code, _objects(query, each)) for each in partitions}
    footers = {each.key: made.footer() for each, made in made_of.items()}
    if len(partitions) == 1:
        key = lake.object_key(table, source, partitions[0])
        before, now = MadeOf.of(lake, key), made_of[partitions[0]]
        sha256 = lake.store.sha256(key)
        if before and sha256 and before.code == now.code and before.objects < now.objects:
            new = now.objects - before.objects
            return Making(query.onto(lake.slice(table, source, partitions), new), footers, sha256, new)
    return Making(query, footers)


def _objects(query: Query, partition: Partition) -> frozenset[str]:
    return frozenset(_flat(part.of(partition) for part in query.slices()))


def _flat(parts: Iterable[Iterable[str]]) -> Iterable[str]:
    return (key for part in parts for key in part)
