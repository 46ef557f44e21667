"""Derived assets: each names its SQL and what the names in it stand for."""

import dagster as dg
import pyarrow as pa

from crypto_platform.engine import Query
from crypto_platform.graph import Graph
from crypto_platform.identity import crosswalk_rows
from crypto_platform.lake import LakeSlice
from crypto_platform.partitions import AROUND, OVERLAPPING, THIS_AND_NEXT
from crypto_platform.sources.base import BarDate
from crypto_platform.tables import (
    BRONZE_MARKETS,
    CROSSWALK,
    HISTORIC_PRICES,
    HISTORIC_QUARANTINE,
    QUARANTINE,
    RAW_HISTORY,
    RAW_SNAPSHOTS,
    SILVER_DAILY_METRICS,
    UNIFIED_PRICES,
    Table,
)


def from_snapshots(graph: Graph, source: str) -> list[dg.AssetsDefinition]:
    """Bronze, its quarantine, and silver of one source."""

    def judged(raw_snapshots: LakeSlice) -> Query:
        return Query("judged_snapshots", snapshot_fields=Query(source, raw_snapshots=raw_snapshots))

    def bronze_markets(raw_snapshots: LakeSlice) -> Query:
        return Query("bronze_markets", judged_snapshots=judged(raw_snapshots))

    def quarantine(raw_snapshots: LakeSlice) -> Query:
        return Query("quarantine", judged_snapshots=judged(raw_snapshots))

    def silver_daily_metrics(bronze_markets: LakeSlice) -> Query:
        return Query("silver_daily_metrics", bronze_markets=bronze_markets)

    raw = {"raw_snapshots": graph.input(RAW_SNAPSHOTS, source)}
    bronze = {"bronze_markets": graph.input(BRONZE_MARKETS, source, AROUND)}
    return [
        graph.declare(BRONZE_MARKETS, bronze_markets, source=source, ins=raw),
        graph.declare(QUARANTINE, quarantine, source=source, ins=raw),
        graph.declare(SILVER_DAILY_METRICS, silver_daily_metrics, source=source, ins=bronze),
    ]


def from_history(graph: Graph, source: str) -> list[dg.AssetsDefinition]:
    """The best revision of every bar of one source, and the points that may not pass."""

    def judged(raw_history: LakeSlice) -> Query:
        ends_day = graph.platform.source(source).day_of is BarDate.PREVIOUS_DAY
        return Query("judged_history", raw_history=raw_history, parameters={"midnight_ends_day": int(ends_day)})

    def historic_prices(raw_history: LakeSlice) -> Query:
        settling = {"settling_hours": graph.platform.settings.settling_hours}
        return Query("historic_prices", judged_history=judged(raw_history), parameters=settling)

    def historic_quarantine(raw_history: LakeSlice) -> Query:
        return Query("historic_quarantine", judged_history=judged(raw_history))

    raw = {"raw_history": graph.input(RAW_HISTORY, source, THIS_AND_NEXT)}
    return [
        graph.declare(HISTORIC_PRICES, historic_prices, source=source, ins=raw),
        graph.declare(HISTORIC_QUARANTINE, historic_quarantine, source=source, ins=raw),
    ]


def crosswalk(graph: Graph) -> dg.AssetsDefinition:
    """Which vendor id is which coin."""

    def crosswalk() -> pa.Table:
        return crosswalk_rows(graph.platform.settings.crosswalk_file)

    return graph.declare(CROSSWALK, crosswalk)


def unified_prices(graph: Graph, snapshots: list[str], histories: list[str]) -> dg.AssetsDefinition:
    """One price per asset and day from all sources."""

    def unified_prices(crosswalk: LakeSlice, **slices: LakeSlice) -> Query:
        order = graph.platform.settings.source_order
        return Query(
            "unified_prices",
            observed_closes=Query(
                "observed_closes",
                historic_prices=_of_all_sources(HISTORIC_PRICES, slices),
                silver_daily_metrics=_of_all_sources(SILVER_DAILY_METRICS, slices),
                crosswalk=crosswalk,
            ),
            source_order=pa.table({"source": list(order), "place": list(range(len(order)))}),
        )

    ins = {"crosswalk": graph.input(CROSSWALK)}
    for table, sources in ((HISTORIC_PRICES, histories), (SILVER_DAILY_METRICS, snapshots)):
        ins |= {f"{table.name}_{source}": graph.input(table, source, OVERLAPPING) for source in sources}
    return graph.declare(UNIFIED_PRICES, unified_prices, ins=ins)


def _of_all_sources(table: Table, slices: dict[str, LakeSlice]) -> LakeSlice:
    total = LakeSlice(table, (), (), (), ())
    for given in slices.values():
        if given.table is table:
            total += given
    return total
