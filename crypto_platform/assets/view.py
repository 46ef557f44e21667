"""The unified view as an asset: nothing is stored; materialising it counts what it shows and previews the newest."""

import dagster as dg

from crypto_platform.graph import Graph
from crypto_platform.tables import BRONZE_MARKETS, CROSSWALK, HISTORIC_PRICES, UNIFIED_PRICES, UNIFIED_VIEW


def unified_view(graph: Graph, snapshots: list[str], histories: list[str]) -> dg.AssetsDefinition:
    """Every observation of every source, as SQL over history, bronze and the crosswalk."""
    deps = [graph.key(UNIFIED_PRICES), graph.key(CROSSWALK)]
    deps += [graph.key(BRONZE_MARKETS, source) for source in snapshots]
    deps += [graph.key(HISTORIC_PRICES, source) for source in histories]

    @dg.asset(
        key=graph.key(UNIFIED_VIEW),
        deps=deps,
        group_name="gold",
        owners=["team:market-data"],
        kinds={"view", "postgres"},
        description=UNIFIED_VIEW.about,
        metadata={
            "dagster/table_name": "gold.unified_view",
            "dagster/column_schema": dg.TableSchema(
                [dg.TableColumn(column.name, column.type.postgres, column.about) for column in UNIFIED_VIEW.columns]
            ),
        },
    )
    def count() -> dg.MaterializeResult[None]:
        with graph.platform.warehouse.reader() as connection:
            counted = connection.execute(
                "select origin, source, count(*), min(observed_at), max(observed_at) "
                "from gold.unified_view group by 1, 2 order by 1, 2"
            ).fetchall()
        lines = ["| origin | source | rows | first | last |", "| --- | --- | --- | --- | --- |"]
        lines += ["| " + " | ".join(str(value) for value in row) + " |" for row in counted]
        return dg.MaterializeResult(
            metadata={
                "dagster/row_count": sum(row[2] for row in counted),
                "by origin and source": dg.MetadataValue.md("\n".join(lines)),
            }
        )

    return count
