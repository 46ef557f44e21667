"""Dropped files as assets: reading them lands their rows, and the raw assets tell of what landed in a partition."""

import dagster as dg
import pyarrow as pa

from crypto_platform.engine import Query
from crypto_platform.graph import Graph
from crypto_platform.lake import LakeSlice
from crypto_platform.lake.drop import begin_with, files_known
from crypto_platform.lake.files import Starts, land_files, rejected_lines
from crypto_platform.lake.landed import About, Landed
from crypto_platform.tables import (
    DROPPED_FILES,
    FILE_QUARANTINE,
    RAW_HISTORY,
    RAW_SNAPSHOTS,
    WHOLE,
    Partition,
    Table,
)


def from_files(graph: Graph, source: str) -> list[dg.AssetsDefinition]:
    """The files, what of them could not be read, and the raw tables of a source that is fed by them."""

    def dropped_files() -> Query:
        platform = graph.platform
        starts = Starts(platform.settings.history_start, platform.settings.snapshot_start)
        begin_with(platform.lake, platform.settings.csv_file_path)
        with platform.lake.exclusive(RAW_HISTORY, source):
            readings = land_files(platform.lake, platform.clock(), starts)
        # Another reading may end before this one is promoted: what it held is looked up again by then.
        return Query("dropped_files", readings=readings, held_files=platform.lake.slice(DROPPED_FILES, None, [WHOLE]))

    def file_quarantine(dropped_files: LakeSlice) -> pa.Table:
        lake = graph.platform.lake
        graph.platform.ledger.note_files()
        return rejected_lines(lake, files_known(lake) if dropped_files.objects else [])

    return [
        graph.declare(DROPPED_FILES, dropped_files, about="Reads what is new in the drop folder."),
        graph.declare(FILE_QUARANTINE, file_quarantine, ins={"dropped_files": graph.input(DROPPED_FILES)}),
        *(_landed_asset(graph, table, source) for table in (RAW_SNAPSHOTS, RAW_HISTORY)),
    ]


def _landed_asset(graph: Graph, table: Table, source: str) -> dg.AssetsDefinition:
    def landed(context: dg.AssetExecutionContext) -> Landed:
        lake = graph.platform.lake
        objects = [
            (partition, key)
            for partition in map(Partition, context.partition_keys)
            for key in lake.slice(table, source, [partition]).objects
        ]
        return Landed(source, About("files", "", len(objects)), tuple(objects), 0)

    about = "Landed by dropped_files; materialising a partition tells what is in it."
    return graph.declare(table, landed, source=source, deps=[graph.key(DROPPED_FILES)], about=about)
