"""What the suite asks of vendors, asked of the sources that are fed by files: lines for rows, files for answers."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest
from conformance import NOW, PAST, TODAY, Bench, OpenBench, each

from crypto_platform.lake.answers import unpack
from crypto_platform.lake.drop import files_known, put_into_drop
from crypto_platform.lake.files import Starts, land_files, rejected_lines
from crypto_platform.ledger import of_file
from crypto_platform.sources import fed_by_files
from crypto_platform.tables import DROPPED_FILES, WHOLE

pytest_plugins = ["conformance_fixtures"]

COLUMNS = (
    *("id", "symbol", "name", "price_usd", "market_cap_usd", "volume_24h_usd", "last_updated", "market_cap_rank"),
    *("change_1h_pct", "change_24h_pct", "change_7d_pct", "high_24h_usd", "low_24h_usd"),
    *("circulating_supply", "total_supply", "max_supply", "ath_usd", "ath_date"),
)
TOLD = (
    *("bitcoin", "btc", "Bitcoin", "92399.03", "1843360621392", "175838959192", f"{TODAY}T09:00:00Z", "1"),
    *("0.1", "-0.49", "3.5", "92944.25", "91216.77", "19950000", "19950000", "21000000", "126080"),
    "2025-10-06T18:57:42Z",
)
ODDITIES: dict[str, Callable[[str], str]] = {
    "nothing": lambda _: "",
    "null": lambda _: "null",
    "a text as a number, a number as text": lambda value: "n/k" if value[:1].isdigit() else "64213",
    "an object": lambda _: '"{""value"": 1.1}"',
    "a huge number": lambda _: "1e400",
}
sources = each(fed_by_files())


def table(*rows: tuple[str, ...]) -> str:
    return "".join(",".join(row) + "\n" for row in (COLUMNS, *rows))


def coin(number: int) -> tuple[str, ...]:
    return (f"coin-{number}", *TOLD[1:])


def read(bench: Bench, **files: str | bytes) -> dict[str, dict[str, Any]]:
    """Drop files, read what is new, and put down what is known of them, as the assets do; the files by name."""
    lake = bench.lake
    for name, content in files.items():
        put_into_drop(lake, f"{name}.csv", content.encode() if isinstance(content, str) else content)
    rows = land_files(lake, NOW, Starts(date(2013, 1, 1), date(2026, 1, 1)))
    with bench.platform.engine.stream(rows, DROPPED_FILES, [WHOLE]) as batches:
        lake.replace_partitions(DROPPED_FILES, None, [WHOLE], batches, lambda _: {})
    return {str(row["file"]).removesuffix(".csv"): row for row in files_known(lake)}


def open_empty(open_bench: OpenBench, name: str, folder: str = "home") -> Bench:
    return open_bench(name, folder, vendor={})


ANY = ""
"""Part of every batch's id."""


@sources
def test_a_file_is_read_once_by_its_content_and_gives_the_same_bytes_again(open_bench: OpenBench, name: str) -> None:
    bench, other = open_empty(open_bench, name), open_empty(open_bench, name, "other")
    content = table(coin(1), coin(2))
    read(bench, mine=content)
    before = bench.objects()
    assert before
    assert len(read(bench, also_mine=content)) == 1
    assert bench.objects() == before
    read(other, mine=content)
    assert other.objects() == before
    for key in before:
        bench.lake.store.delete(key)
    bench.lake.store.delete(bench.lake.object_key(DROPPED_FILES, None, WHOLE))
    read(bench)
    assert bench.objects() == before, "a reading that died is made again"


@sources
@pytest.mark.parametrize("oddity", ODDITIES)
def test_each_cell_of_a_row_may_hold_anything(open_bench: OpenBench, name: str, oddity: str) -> None:
    bench = open_empty(open_bench, name)
    rows = [coin(number) for number in range(len(COLUMNS))]
    rows = [(*row[:at], ODDITIES[oddity](row[at]), *row[at + 1 :]) for at, row in enumerate(rows)]
    file = read(bench, odd=table(coin(99), *rows))["odd"]
    bronze, quarantined = bench.judged_snapshots(ANY)
    rejected = rejected_lines(bench.lake, files_known(bench.lake)).to_pylist()
    occurrences = sum(row["occurrences"] for row in quarantined)
    assert file["rows"] == len(COLUMNS) + 1 == file["landed"] + file["rejected"]
    assert len(rejected) == file["rejected"]
    assert file["landed"] == len(bronze) + occurrences
    assert all(row["reasons"] and all(row["reasons"]) for row in (*quarantined, *rejected))
    assert "coin-99" in {row["source_asset_id"] for row in bronze}


@sources
def test_lines_that_nobody_can_read_cost_no_other_line(open_bench: OpenBench, name: str) -> None:
    bench = open_empty(open_bench, name)
    garbage = ["7", "{}", '"half a cell', ",".join(["x"] * 40)]
    file = read(bench, spoiled=table(coin(1)) + "\n".join(garbage) + "\n" + ",".join(coin(2)) + "\n")["spoiled"]
    assert (file["rows"], file["landed"], file["rejected"]) == (6, 2, 4)
    assert {row["source_asset_id"] for row in bench.judged_snapshots(ANY)[0]} == {"coin-1", "coin-2"}


@sources
def test_a_line_that_comes_twice_counts_once(open_bench: OpenBench, name: str) -> None:
    bench = open_empty(open_bench, name)
    file = read(bench, twice=table(coin(1), coin(2), coin(1)))["twice"]
    assert file["landed"] == 3
    assert len(bench.judged_snapshots(ANY)[0]) == 2


@sources
@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\n\n",
        b"id,price_usd\n",
        b"<html>",
        b"\x00\xff\xfe",
        b"PK\x03\x04",
        b"a,b\n1,2\n",
        table(coin(1), ("\0", *TOLD[1:])).encode(),
    ],
)
def test_a_file_that_nobody_can_read_is_quarantined_in_a_sentence_and_kept(
    open_bench: OpenBench, name: str, content: bytes
) -> None:
    bench = open_empty(open_bench, name)
    file = read(bench, odd=content)["odd"]
    assert (file["status"], file["rows"]) == ("quarantined", 0)
    assert file["reason"].endswith(".")
    assert "\n" not in file["reason"]
    assert bench.objects() == {}
    (kept,) = bench.lake.store.keys(f"answers/source={name}")
    assert unpack(bench.lake.store.read(kept), kept).body == content
    batch = of_file(file)
    assert (batch.source, batch.status, batch.error) == (name, "failure", file["reason"])
    assert read(bench, good=table(coin(1)))["good"]["status"] == "read", "it holds up no other file"


@sources
def test_a_bar_of_a_day_has_that_days_close(open_bench: OpenBench, name: str) -> None:
    bench = open_empty(open_bench, name)
    market, epoch = bench.stage.market, date(1970, 1, 1)
    told = market.bars(0, *((day - epoch).days for day in PAST))
    truth = {epoch + timedelta(days=int(day)): float(close) for day, close in zip(told.days, told.close, strict=True)}
    prices = "".join(f"{day},{close!r}\n" for day, close in truth.items())
    stamped = "".join(f"{day + timedelta(days=1)} 00:00:00 UTC,{close!r},,\n" for day, close in truth.items())
    read(bench, **{"BTC-USD": "date,close\n" + prices})
    closes = {row["bar_date"]: row["close_usd"] for row in bench.judged_history()[0]}
    assert closes == truth
    other = open_empty(open_bench, name, "previous")
    put_into_drop(other.lake, "coins.csv", b"file,coin\nmax.csv,bitcoin\n")
    read(other, max="snapped_at,price,market_cap,total_volume\n" + stamped)
    closes = {row["bar_date"]: row["close_usd"] for row in other.judged_history()[0]}
    assert closes == truth, "a price at midnight closes the day before, where the format says so"
