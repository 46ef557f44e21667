"""Identity from lists of coins to gold, on a market whose truth is known: joined by evidence, and never wrongly."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import pytest
from command_line import commands_on
from dropped import read
from pipelines import NOW, Market, OpenPipeline, Pipeline, own_pipelines
from ticks import Daemon

from crypto_platform.evidence import history_coins
from crypto_platform.projection import Projection
from crypto_platform.sandbox.coins import Coin
from crypto_platform.sandbox.server import RunningSandbox
from crypto_platform.tables import CROSSWALK, UNIFIED_PRICES
from crypto_platform.warehouse import Warehouse

SNAPSHOTS = ("coingecko", "coinpaprika")


def knows_only(pipeline: Pipeline, *coins: str) -> Path:
    """Let the curated file name these coins alone, as the market's own does."""
    file = pipeline.platform.settings.home_dir / "curated.csv"
    head, *lines = (pipeline.platform.settings.home_dir / "sandbox-crosswalk.csv").read_text().splitlines()
    file.write_text("\n".join([head, *(line for line in lines if line.split(",")[0] in coins)]) + "\n")
    pipeline.platform.settings = pipeline.platform.settings.model_copy(update={"crosswalk_file": file})
    return file


@pytest.fixture(scope="module")
def day(
    tmp_path_factory: pytest.TempPathFactory, shared_server: Warehouse, running_market: RunningSandbox
) -> Iterator[Pipeline]:
    """A day of two vendors whose lists alone tell who is who, but for two curated coins; the tests only look."""
    with own_pipelines(tmp_path_factory.mktemp("day"), shared_server, running_market) as opener:
        pipeline = opener(vendors={"coingecko": {"top": 500}}, universe_size=250)
        knows_only(pipeline, "bitcoin", "ethereum")
        pipeline.coins(*SNAPSHOTS)
        for source in SNAPSHOTS:
            pipeline.snapshot_of(source)
        pipeline.runner.refresh_gold()
        yield pipeline


def believed(pipeline: Pipeline) -> dict[str, dict[str, str]]:
    """The ids of each asset, by source."""
    ids: dict[str, dict[str, str]] = {}
    for row in pipeline.asked("select asset_id, source, source_asset_id from crosswalk where known_to is null"):
        assert row["source"] not in ids.setdefault(row["asset_id"], {}), f"{row['asset_id']} has two ids of one source"
        ids[row["asset_id"]][row["source"]] = row["source_asset_id"]
    return ids


def in_both(coins: list[Coin]) -> dict[str, str]:
    """CoinGecko's id and CoinPaprika's of the same coin, as the market itself knows."""
    return {coin.coingecko: coin.coinpaprika for coin in coins if coin.coinpaprika}


def test_the_markets_truth_is_never_contradicted(day: Pipeline, running_market: RunningSandbox) -> None:
    truth = in_both(running_market.sandbox.market.coins)
    joined = [ids for ids in believed(day).values() if set(SNAPSHOTS) <= ids.keys()]
    wrong = [ids for ids in joined if truth.get(ids["coingecko"]) != ids["coinpaprika"]]
    assert wrong == []
    assert len(joined) > 0.8 * len(truth), "and most are found"
    methods = day.asked("select method, count(*) as n from crosswalk group by all")
    found = {row["method"]: row["n"] for row in methods}
    assert found.keys() == {"curated", "contract", "symbol_and_name", "alone"}
    assert min(found["contract"], found["symbol_and_name"]) > 40


def test_gold_has_one_row_for_a_coin_that_two_sources_know(day: Pipeline, running_market: RunningSandbox) -> None:
    seen = day.asked("select source, source_asset_id from silver_daily_metrics")
    live = {(row["source"], row["source_asset_id"]) for row in seen}
    rows = {row["asset_id"]: row for row in day.asked("select asset_id, sources, spread_pct from unified_prices")}
    assert len(rows) == day.count(UNIFIED_PRICES)
    both = [
        asset_id
        for asset_id, ids in believed(day).items()
        if all((source, ids.get(source)) in live for source in SNAPSHOTS)
    ]
    assert len(both) > 300
    assert {asset_id for asset_id, row in rows.items() if row["sources"] == 2} == set(both)
    assert sorted(rows[asset_id]["spread_pct"] for asset_id in both)[len(both) // 2] < 0.5
    assert max(row["sources"] for row in rows.values()) == 2
    assert rows["bitcoin"]["sources"] == 2
    known = {row["asset_id"]: row["sources"] for row in day.asked("select asset_id, sources from assets")}
    assert all(set(SNAPSHOTS) <= set(known[asset_id]) for asset_id in both)


@pytest.mark.parametrize("trap", ["borrowed_btc", "borrowed_eth", "twin"])
def test_two_coins_with_one_ticker_stay_apart_everywhere(
    day: Pipeline, running_market: RunningSandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, trap: str
) -> None:
    market = running_market.sandbox.market
    other = {"borrowed_btc": 0, "borrowed_eth": 1, "twin": market.traps["twin_again"]}[trap]
    coins = [market.coins[other or 0], market.coins[market.traps[trap] or 0]]
    assert coins[0].symbol == coins[1].symbol
    ids = [coin.coingecko for coin in coins]
    listed = "source = 'coingecko' and source_asset_id in ('" + "', '".join(ids) + "')"
    for table in ("bronze_markets", "silver_daily_metrics", "universe"):
        found = day.asked(f"select distinct source_asset_id as id from {table} where {listed}")
        assert {row["id"] for row in found} == set(ids), table
    believed = day.asked(f"select asset_id, source_asset_id as id from crosswalk where {listed}")
    asset_of = {row["id"]: row["asset_id"] for row in believed}
    names = sorted(asset_of.values())
    assert len(set(names)) == 2
    own = day.asked(f"select source_asset_id as id, close_usd from silver_daily_metrics where {listed}")
    sql = "select asset_id, {} as price from {} where asset_id in ('" + "', '".join(names) + "') order by all"
    closes = day.asked(sql.format("close_usd", "unified_prices"))
    assert {row["asset_id"]: row["price"] for row in closes} == {asset_of[row["id"]]: row["close_usd"] for row in own}
    for column, table in (("price_usd", "unified_view"), ("symbol", "assets")):
        assert {row["asset_id"] for row in day.asked(sql.format(column, table))} == set(names), table
    with commands_on(day, Market(running_market), tmp_path, monkeypatch) as command_line:
        assert command_line.json("query", "--json", sql.format("close_usd", "unified_prices")) == closes
        assert command_line("export", "unified_prices", "--to", "gold.csv").exit_code == 0
    lines = (tmp_path / "gold.csv").read_text().splitlines()
    assert [sum(f",{name}," in line for line in lines) for name in names] == [1, 1]


def test_an_id_that_is_listed_no_more_ends_with_its_last_day(
    pipeline: Pipeline, market: Market, running_market: RunningSandbox
) -> None:
    simulated = running_market.sandbox.market
    vanished = simulated.coins[simulated.traps["vanished"] or 0].coingecko
    ends = f"select valid_to, known_to from identity.crosswalk where source_asset_id = '{vanished}' order by known_from"
    market.set_clock(NOW.replace(month=5, day=30))
    pipeline.coins("coingecko")
    assert pipeline.rows(ends) == [(None, None)]
    market.set_clock(NOW.replace(month=6, day=2))
    pipeline.coins("coingecko")
    assert pipeline.rows(ends) == [(None, NOW.replace(month=6, day=2)), (date(2026, 5, 30), None)]
    others = "select count(*) from identity.crosswalk where valid_to is not null and known_to is null"
    assert pipeline.rows(others) == [(1,)]


def test_a_curated_file_that_changes_is_noticed_and_closes_what_was_known(pipeline: Pipeline, market: Market) -> None:
    file = knows_only(pipeline, "bitcoin", "ethereum")
    daemon = Daemon(pipeline)
    (asked,) = daemon.look("refresh_identity")
    assert daemon.run(asked)
    assert daemon.look("refresh_identity") == []
    before = pipeline.rows("select source, source_asset_id from identity.crosswalk where asset_id = 'ethereum'")
    later = NOW + timedelta(hours=2)
    market.set_clock(later)
    file.write_text(file.read_text().replace("ethereum,", "ether,", 1))
    (asked,) = daemon.look("refresh_identity")
    assert daemon.run(asked)
    known = "select source, source_asset_id, known_from, known_to from identity.crosswalk where asset_id = '{}'"
    assert sorted(pipeline.rows(known.format("ethereum"))) == sorted((*row, NOW, later) for row in before)
    assert sorted(pipeline.rows(known.format("ether"))) == sorted((*row, later, None) for row in before)
    assert daemon.look("refresh_identity") == []


def test_replayed_and_rebuilt_the_crosswalk_has_equal_rows(pipeline: Pipeline, market: Market) -> None:
    for days in (1, 0):
        market.set_clock(NOW - timedelta(days=days))
        pipeline.coins(*SNAPSHOTS)
    rows = "select * from identity.crosswalk order by source, source_asset_id, valid_from, known_from"
    objects, before = pipeline.objects()["crosswalk/data.parquet"], pipeline.rows(rows)
    market.set_clock(NOW + timedelta(hours=5))
    pipeline.lake.store.delete("crosswalk/data.parquet")
    pipeline.run(CROSSWALK)
    assert (pipeline.objects()["crosswalk/data.parquet"], pipeline.rows(rows)) == (objects, before)
    with pipeline.platform.warehouse.connect() as connection:
        connection.execute("truncate identity.crosswalk")
    Projection(pipeline.lake, pipeline.platform.warehouse).rebuild(CROSSWALK, NOW.date(), 30)
    assert pipeline.rows(rows) == before
    assert len(before) > 1_000


def test_history_is_asked_of_curated_coins_and_of_all_that_ever_were_large(
    open_pipeline: OpenPipeline,
) -> None:
    pipeline = open_pipeline(universe_size=2, history_top=1)
    assert history_coins(pipeline.platform, "yahoo") == ["BTC-USD"], "before anything was landed"
    header = "id,price_usd,market_cap_usd,last_updated\n"
    days = {16: ("litecoin", "solana"), 17: ("cardano", "solana", "litecoin")}
    for day, coins in days.items():
        lines = (f"{coin},1,{9 - place}e9,2026-11-{day}T09:00:00Z\n" for place, coin in enumerate(coins))
        pipeline.drop(f"market of {day}.csv", header + "".join(lines))
    read(pipeline)
    largest = pipeline.asked(
        "select universe_date::varchar as day, source_asset_id as coin from universe order by day, place"
    )
    assert [(row["day"][-2:], row["coin"]) for row in largest] == [
        ("16", "litecoin"), ("16", "solana"), ("17", "cardano"), ("17", "solana"),
    ]  # fmt: skip
    asked = history_coins(pipeline.platform, "coingecko")
    assert asked == ["bitcoin", "cardano", "litecoin", "solana"], "litecoin fell out and stays"
    pipeline.run(CROSSWALK)
    assert history_coins(pipeline.platform, "coingecko") == asked
