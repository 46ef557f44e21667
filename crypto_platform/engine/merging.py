"""Putting new rows among those that stand, as both stream by in the order of their key: neither is held as a whole.

Sorting a day's rows anew for every batch would take twice their size in memory.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from functools import reduce

import pyarrow as pa
import pyarrow.compute as pc


def merged(standing: Iterable[pa.RecordBatch], changes: pa.Table, key: Sequence[str]) -> Iterator[pa.RecordBatch]:
    """Both in the order of a key that neither has twice; where both have it, the change takes the place."""
    keys = list(zip(*(changes.column(name).to_pylist() for name in key), strict=True))
    begin = 0
    for batch in standing:
        last = tuple(batch.column(name)[-1].as_py() for name in key)
        end = bisect_right(keys, last, begin)
        if end == begin:
            yield batch
        else:
            yield from _placed(changes.slice(begin, end - begin), batch, key)
        begin = end
    yield from changes.slice(begin).to_batches()


def _placed(changes: pa.Table, batch: pa.RecordBatch, key: Sequence[str]) -> list[pa.RecordBatch]:
    both = pa.concat_tables([changes, pa.Table.from_batches([batch])])
    # The order is stable: of two rows with one key, the change comes first.
    both = both.take(pc.sort_indices(both, [(name, "ascending") for name in key])).combine_chunks()
    equal = [pc.equal(both.column(name).slice(1), both.column(name).slice(0, both.num_rows - 1)) for name in key]
    repeats = reduce(pc.and_, equal).combine_chunks()
    kept: list[pa.RecordBatch] = both.filter(pa.concat_arrays([pa.array([True]), pc.invert(repeats)])).to_batches()
    return kept
