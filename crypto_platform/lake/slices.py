"""Part of the lake, as it is handed from one asset to the next: which objects hold some partitions now."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace

from crypto_platform.tables import WHOLE, Partition, Table


@dataclass(frozen=True)
class LakeSlice:
    """Some partitions of one table, of one source or several: the objects that hold them now."""

    table: Table
    sources: tuple[str | None, ...]
    partitions: tuple[Partition, ...]
    objects: tuple[str, ...]
    uris: tuple[str, ...]

    def __add__(self, other: LakeSlice) -> LakeSlice:
        return LakeSlice(
            self.table,
            self.sources + other.sources,
            tuple(sorted({*self.partitions, *other.partitions})),
            self.objects + other.objects,
            self.uris + other.uris,
        )

    def of(self, partition: Partition) -> tuple[str, ...]:
        """The objects of one of the partitions."""
        if partition == WHOLE:
            return self.objects
        folder = f"/{partition.grain.value}={partition.key}/"
        return tuple(key for key in self.objects if folder in key)

    def only(self, objects: Collection[str]) -> LakeSlice:
        """No more than these objects of the slice."""
        kept = [(key, uri) for key, uri in zip(self.objects, self.uris, strict=True) if key in objects]
        keys, uris = (tuple(each[n] for each in kept) for n in range(2))
        return replace(self, objects=keys, uris=uris)
