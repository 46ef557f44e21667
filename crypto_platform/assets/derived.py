"""Derived assets: each names its SQL and what the names in it stand for."""

import dagster as dg
import pyarrow as pa

from crypto_platform.engine import Query
from crypto_platform.evidence import evidence_digest, keep_curated, lists_in_order
from crypto_platform.graph import Graph
from crypto_platform.identity import crosswalk_of
from crypto_platform.lake import INPUTS, LakeSlice
from crypto_platform.partitions import AROUND, OVERLAPPING, THIS_AND_NEXT
from crypto_platform.sources import asked, fed_by_files
from crypto_platform.sources.base import BarDate
from crypto_platform.tables import (
    ASSETS,
    BRONZE_MARKETS,
    CROSSWALK,
    DROPPED_FILES,
    HISTORIC_PRICES,
    HISTORIC_QUARANTINE,
    QUARANTINE,
    RAW_COINS,
    RAW_HISTORY,
    RAW_SNAPSHOTS,
    SILVER_DAILY_METRICS,
    UNIFIED_PRICES,
    UNIVERSE,
    Table,
)


def from_snapshots(graph: Graph, source: str) -> list[dg.AssetsDefinition]:
    """Bronze, its quarantine, silver and the universe of one source."""

    def judged(raw_snapshots: LakeSlice) -> Query:
        return Query("judged_snapshots", snapshot_fields=Query(source, raw_snapshots=raw_snapshots))

    def bronze_markets(raw_snapshots: LakeSlice) -> Query:
        return Query("bronze_markets", adds_to="earlier_markets", by_key=True, judged_snapshots=judged(raw_snapshots))

    def quarantine(raw_snapshots: LakeSlice) -> Query:
        return Query("quarantine", adds_to="earlier_quarantine", judged_snapshots=judged(raw_snapshots))

    def silver_daily_metrics(bronze_markets: LakeSlice) -> Query:
        return Query("silver_daily_metrics", bronze_markets=bronze_markets)

    def universe(silver_daily_metrics: LakeSlice) -> Query:
        size = {"universe_size": graph.platform.settings.universe_size}
        return Query("universe", silver_daily_metrics=silver_daily_metrics, parameters=size)

    raw = {"raw_snapshots": graph.input(RAW_SNAPSHOTS, source)}
    bronze = {"bronze_markets": graph.input(BRONZE_MARKETS, source, AROUND)}
    return [
        graph.declare(BRONZE_MARKETS, bronze_markets, source=source, ins=raw),
        graph.declare(QUARANTINE, quarantine, source=source, ins=raw),
        graph.declare(SILVER_DAILY_METRICS, silver_daily_metrics, source=source, ins=bronze),
        graph.declare(
            UNIVERSE, universe, source=source, ins={"silver_daily_metrics": graph.input(SILVER_DAILY_METRICS, source)}
        ),
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
    """Which vendor id is which coin: the lists of coins and the curated file, folded in the order they came."""

    def crosswalk() -> pa.Table:
        platform = graph.platform
        keep_curated(platform.lake, platform.settings.crosswalk_file, platform.now)
        lists = platform.lake.whole(RAW_COINS)
        rows = crosswalk_of(lists_in_order(platform.lake, lists))
        return rows.replace_schema_metadata({INPUTS: evidence_digest(lists)})

    deps = [graph.key(RAW_COINS, source) for source in asked("coins")]
    return graph.declare(CROSSWALK, crosswalk, deps=deps + [graph.key(DROPPED_FILES) for _ in fed_by_files()])


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


def assets(graph: Graph) -> dg.AssetsDefinition:
    """What there is a price of."""

    def assets(unified_prices: LakeSlice, crosswalk: LakeSlice) -> Query:
        return Query("assets", unified_prices=unified_prices, crosswalk=crosswalk)

    ins = {"unified_prices": graph.input(UNIFIED_PRICES), "crosswalk": graph.input(CROSSWALK)}
    return graph.declare(ASSETS, assets, ins=ins)


def _of_all_sources(table: Table, slices: dict[str, LakeSlice]) -> LakeSlice:
    total = LakeSlice(table, (), (), (), ())
    for given in slices.values():
        if given.table is table:
            total += given
    return total
