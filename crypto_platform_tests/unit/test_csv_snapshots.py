"""Files of the market at a moment: from a line to a typed row in bronze."""

from __future__ import annotations

import json
from importlib.resources import files
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from test_csv_rows import read, reasons, refused

from crypto_platform.shipped import shipped_path
from crypto_platform.sources.files import Reading
from crypto_platform.sources.files.formats import SNAPSHOT_VALUES

HEADER = "id,symbol,name,price_usd,market_cap_usd,volume_24h_usd,last_updated"


def payloads(reading: Reading) -> list[dict[str, Any]]:
    return [json.loads(payload) for payload in reading.rows["payload"].to_pylist()]


def test_a_line_becomes_an_object_of_the_cells_texts() -> None:
    reading = read(f'{HEADER}\nbitcoin,btc,"Bit""coin",97412.350,1.9E12,null,2026-11-01 09:30:00\n', "now.csv")
    assert (reading.kind, reading.format, reading.coin) == ("snapshots", "snapshot", None)
    assert payloads(reading) == [
        {
            "line": 2,
            "id": "bitcoin",
            "symbol": "btc",
            "name": 'Bit"coin',
            "price_usd": "97412.350",
            "market_cap_usd": "1.9E12",
            "last_updated": "2026-11-01T09:30:00Z",
        }
    ]
    assert [str(day) for day in reading.rows["snapshot_date"].to_pylist()] == ["2026-11-01"]
    assert reading.coins.to_pylist()[0] == {
        "source_asset_id": "bitcoin",
        "symbol": "btc",
        "name": 'Bit"coin',
        "is_active": None,
        "known_as": ["asset:bitcoin"],
    }


def test_other_names_of_the_columns_are_understood() -> None:
    header = "Asset_ID,current_price,total_volume,Market Cap,timestamp,ath_date"
    text = f"{header}\ncoingecko:solana,1,2,3,1793523600,2021-11-10\n"
    (payload,) = payloads(read(text, "now.csv"))
    assert payload == {
        "line": 2,
        "id": "coingecko:solana",
        "price_usd": "1",
        "volume_24h_usd": "2",
        "market_cap_usd": "3",
        "last_updated": "2026-11-01T09:00:00Z",
        "ath_date": "2021-11-10T00:00:00Z",
    }


@pytest.mark.parametrize(
    ("text", "day", "moment"),
    [
        ("2026-11-01T23:30:00.5-02:00", "2026-11-02", "2026-11-02T01:30:00.500000Z"),
        ("1793523600123", "2026-11-01", "2026-11-01T09:00:00.123000Z"),
        ("2026-11-01", "2026-11-01", "2026-11-01T00:00:00Z"),
    ],
)
def test_a_row_goes_into_the_utc_day_of_its_time(text: str, day: str, moment: str) -> None:
    reading = read(f"{HEADER}\nbitcoin,btc,Bitcoin,1,2,3,{text}\n", "now.csv")
    assert (payloads(reading)[0]["last_updated"], str(reading.rows["snapshot_date"][0])) == (moment, day)


def test_rows_that_cannot_be_placed_or_read_are_rejected() -> None:
    reading = read(
        f"{HEADER}\nbitcoin,btc,Bitcoin,1,2,3,soon\n,btc,Bitcoin,1,2,3,2026-11-01\n"
        "bitcoin,btc,Bitcoin,abc,2,3,2026-11-01\nbitcoin,btc,Bitcoin,1,2,3,\n"
        "bitcoin,btc,Bitcoin,1,2,3,2025-12-31T23:59:59Z\nbitcoin,btc,Bitcoin,1,2,3,2026-11-22\n",
        "now.csv",
    )
    assert reasons(reading) == {
        2: "last_updated is not a time: 'soon'",
        3: "the row names no coin",
        4: "price_usd is not a number: 'abc'",
        5: "last_updated is missing",
        6: "2025-12-31 is before 2026-01-01, the first day that is kept",
        7: "2026-11-22 was still to come when the file was read",
    }


def test_one_coin_cannot_be_said_of_a_market() -> None:
    text = f"{HEADER}\nbitcoin,btc,Bitcoin,1,2,3,2026-11-01\nethereum,eth,Ethereum,1,2,3,2026-11-01\n"
    assert "holds 2 coins" in refused(text, "now.csv", coins="*,bitcoin\n")


def test_a_format_of_ones_own_may_be_a_snapshot() -> None:
    formats = """
    [mine]
    kind = "snapshots"
    header = ["coin", "px"]
    decimal = ","
    columns = {coin = "coin", price = "px", time = "at", high_24h_usd = "top"}
    """
    reading = read("coin;px;at;top\nbitcoin;1.234,5;2026-11-01;\n", "x.csv", formats=formats)
    assert payloads(reading)[0]["price_usd"] == "1234.5"
    assert "high_24h_usd" not in payloads(reading)[0]


def fields(reading: Reading, source: str) -> pa.Table:
    """What the SQL of a source makes of the rows."""
    with duckdb.connect() as connection:
        connection.register("rows", reading.rows)
        connection.execute(
            "create view raw_snapshots as "
            "select 'csv' as source, *, 'b' as batch_id, 1 as page, current_timestamp as fetched_at from rows"
        )
        return connection.sql(shipped_path(f"sql/bronze/{source}.sql").read_text(encoding="utf-8")).to_arrow_table()


def test_the_sql_reads_every_column_that_it_reads_of_a_vendor() -> None:
    told = fields(
        read(f"{HEADER},max_supply\nbitcoin,btc,Bitcoin,97412.35,2,3,2026-11-01,21000000\n", "now.csv"), "csv"
    )
    assert told.schema.names == fields(read(f"{HEADER}\nx,x,X,1,2,3,2026-11-01\n", "now.csv"), "coingecko").schema.names
    (row,) = told.to_pylist()
    assert (row["source_asset_id"], row["symbol"], row["name"]) == ("bitcoin", "btc", "Bitcoin")
    assert (row["price_usd"], row["max_supply"], row["last_updated"]) == (
        "97412.35",
        "21000000",
        "2026-11-01T00:00:00Z",
    )
    assert row["ath_usd"] is None


def test_every_column_of_the_canonical_format_arrives() -> None:
    optional = [*SNAPSHOT_VALUES, "ath_date"]
    text = (
        f"id,symbol,name,last_updated,{','.join(optional)}\nx,x,X,2026-11-01{',2' * len(SNAPSHOT_VALUES)},2020-01-01\n"
    )
    (row,) = fields(read(text, "now.csv"), "csv").to_pylist()
    assert {name: row[name] for name in optional} == dict.fromkeys(SNAPSHOT_VALUES, "2") | {
        "ath_date": "2020-01-01T00:00:00Z"
    }


def test_the_sample_that_ships_is_read_whole() -> None:
    reading = read(files("crypto_platform").joinpath("samples/snapshot.csv").read_bytes(), "snapshot.csv")
    assert (reading.kind, reading.rejected) == ("snapshots", ())
    assert reading.rows.num_rows > 9
    assert all(
        known == [f"asset:{id_}"]
        for known, id_ in zip(*reading.coins.select(["known_as", "source_asset_id"]).to_pydict().values(), strict=True)
    )
