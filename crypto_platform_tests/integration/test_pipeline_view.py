"""The unified view: one definition for the engine and one for the warehouse, and they show the same rows."""

from __future__ import annotations

from datetime import timedelta

from pipelines import NOW, Market, Pipeline

from crypto_platform.tables import CROSSWALK, UNIFIED_PRICES, UNIFIED_VIEW

COLUMNS = ", ".join(UNIFIED_VIEW.column_names)


def test_the_engine_and_the_warehouse_show_the_same_observations(pipeline: Pipeline, market: Market) -> None:
    midnight = NOW.replace(hour=0, minute=0)
    for moment in (midnight - timedelta(seconds=1), midnight, NOW):
        market.set_clock(moment)
        pipeline.snapshot()
    pipeline.history("2026-10", "2026-11")
    pipeline.run(CROSSWALK)
    pipeline.run(UNIFIED_PRICES, None, "2026-10", "2026-11")
    in_lake = sorted(tuple(row.values()) for row in pipeline.asked(f"select {COLUMNS} from unified_view"))
    in_warehouse = sorted(pipeline.rows(f"select {COLUMNS} from gold.unified_view"), key=repr)
    assert sorted(in_lake, key=repr) == sorted(in_warehouse, key=repr)
    assert {row[7:] for row in in_warehouse} == {("historic", "1d"), ("live", "snapshot")}
    seen_twice = "select source_asset_id, last_updated from bronze_markets group by all having count(*) > 1"
    assert pipeline.asked(seen_twice), "some observation was repeated across midnight"
    keys = [(row[1], row[6], row[0], row[7]) for row in in_warehouse]
    assert len(keys) == len(set(keys)), "and is shown once"
    pipeline.run(UNIFIED_VIEW)
    assert pipeline.rows("select count(*) from unified_crypto_data") == [(pipeline.count(UNIFIED_PRICES),)]
