"""Lines of dropped files: none is lost, none is half read, and every rejected one says why."""

from __future__ import annotations

import json
from contextlib import suppress
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crypto_platform.sources import coin_lists
from crypto_platform.sources.files import Guide, Reading, UnreadableFileError, read_file
from crypto_platform.sources.files.formats import BUILT_IN
from crypto_platform.sources.files.reading import HISTORY_SCHEMA, SNAPSHOT_SCHEMA
from crypto_platform.sources.points import VALUES
from crypto_platform.tables import RAW_HISTORY, RAW_SNAPSHOTS

READ_AT = datetime(2026, 11, 21, 12, tzinfo=UTC)
YAHOO = "Date,Open,High,Low,Close,Adj Close,Volume"


def read(text: str | bytes, name: str = "BTC-USD.csv", coins: str = "", formats: str = "") -> Reading:
    """A file as the platform would read it, with every promise that holds for all files."""
    content = text.encode() if isinstance(text, str) else text
    guide = Guide.parse(f"file,coin\n{coins}".encode(), formats.encode())
    reading = read_file(name, content, guide, READ_AT, date(2013, 1, 1), date(2026, 1, 1))
    assert reading.lines == reading.rows.num_rows + len(reading.rejected)
    assert reading.rows.schema == (HISTORY_SCHEMA if reading.kind == "history" else SNAPSHOT_SCHEMA)
    assert reading.coins.schema == coin_lists.SCHEMA
    ids = reading.coins["source_asset_id"].to_pylist()
    assert len(ids) == len(set(ids))
    places = [*reading.rows["position"].to_pylist(), *(line.line for line in reading.rejected)]
    assert len(places) == len(set(places))
    assert all(line.reasons and json.loads(line.text)["line"] == line.line for line in reading.rejected)
    return reading


def refused(text: str | bytes, name: str = "BTC-USD.csv", coins: str = "", formats: str = "") -> str:
    with pytest.raises(UnreadableFileError) as caught:
        read(text, name, coins, formats)
    sentence = str(caught.value)
    assert sentence.endswith(".")
    return sentence


def bars(reading: Reading) -> dict[str, dict[str, Any]]:
    """The points by their day, or by their moment where that is no midnight."""
    rows = reading.rows.to_pylist()
    named = {row["observed_at"].isoformat().replace("T00:00:00+00:00", ""): row for row in rows}
    assert len(named) == len(rows)
    return named


def closes(reading: Reading) -> dict[str, float | None]:
    return {day: row["close_usd"] for day, row in bars(reading).items()}


def reasons(reading: Reading) -> dict[int, str]:
    return {line.line: "; ".join(line.reasons) for line in reading.rejected}


def test_points_and_rows_have_the_columns_that_are_landed() -> None:
    for schema, table, own in (
        (HISTORY_SCHEMA, RAW_HISTORY, {"source", "batch_id", "page", "fetched_at"}),
        (SNAPSHOT_SCHEMA, RAW_SNAPSHOTS, {"source", "batch_id", "page", "fetched_at"}),
    ):
        assert all(table.arrow_schema.field(field.name).type == field.type for field in schema)
        assert set(table.column_names) - set(schema.names) == own


def test_a_row_is_known_by_its_line_in_the_file() -> None:
    reading = read(f"{YAHOO}\n\n2020-01-01,1,2,1,2,2,9\n,,,,,,\n2020-01-02,2,3,2,3,3,9\n\n")
    assert [(row["position"], row["close_usd"]) for row in reading.rows.to_pylist()] == [(3, 2.0), (5, 3.0)]
    assert reading.lines == 2


def test_a_line_with_too_few_cells_is_rejected_as_it_came() -> None:
    reading = read(f"{YAHOO}\r\n2020-01-01,1,2\r\n2020-01-02, 2,3,2,3,3,9\r\n")
    assert reasons(reading) == {2: "it has 3 cells where the header has 7"}
    assert json.loads(reading.rejected[0].text) == {"line": 2, "text": "2020-01-01,1,2"}
    assert closes(reading) == {"2020-01-02": 3.0}


def test_an_open_quote_does_not_swallow_the_lines_after_it() -> None:
    reading = read(f'{YAHOO}\n2020-01-01,"1,2,1,2,2,9\n2020-01-02,2,3,2,3,3,9\n')
    assert list(reasons(reading)) == [2]
    assert closes(reading) == {"2020-01-02": 3.0}


def test_what_stands_beside_quotes_is_not_joined_to_what_they_hold() -> None:
    assert list(reasons(read('Date,Close\n2020-01-01,"1"2\n2020-01-02,"5"\n'))) == [2]


def test_a_cell_that_is_no_number_rejects_its_row_with_every_reason() -> None:
    reading = read(f"{YAHOO}\n2020-01-01,x,2,1,abc,2,9\n2020-01-02,1,2,1,1_000,2,9\n2020-01-03,1,2,1,1e999,2,9\n")
    assert reasons(reading) == {
        2: "open is not a number: 'x'; close is not a number: 'abc'",
        3: "close is not a number: '1_000'",
        4: "close is not a number: '1e999'",
    }
    assert {line.source_asset_id for line in reading.rejected} == {"yahoo:BTC-USD"}


def test_a_row_of_nulls_is_a_gap_and_no_fault() -> None:
    reading = read(f"{YAHOO}\n2020-01-01,null,NULL,NaN,N/A,,-\n2020-01-02,2,3,2,3,3,9\n")
    assert bars(reading)["2020-01-01"] | dict.fromkeys(VALUES) == bars(reading)["2020-01-01"]
    assert not reading.rejected


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        ("1.5", 1.5),
        ("6.42E+11", 6.42e11),
        ("$97.5", 97.5),
        ("-3", -3.0),
        ("+.5", 0.5),
        ("7.", 7.0),
        ('"1,234.5"', 1234.5),
        ('"$1,234,567"', 1234567.0),
        ('"12,345,678.25"', 12345678.25),
    ],
)
def test_unmistakable_numbers_are_read(cell: str, value: float) -> None:
    assert closes(read(f"Date,Close\n2020-01-01,{cell}\n")) == {"2020-01-01": value}


@pytest.mark.parametrize(
    "cell", ['"1,234"', '"1,23.5"', '"12,34"', "0x10", "1 000", "٣", "inf", "1e", "true", "--1", "."]
)
def test_numbers_that_can_be_mistaken_are_not(cell: str) -> None:
    reading = read(f"Date,Close\n2020-01-01,{cell}\n2020-01-02,5\n")
    assert "close is not a number" in reasons(reading)[2]


def test_prices_that_are_not_above_zero_are_not_the_readers_business() -> None:
    assert closes(read("Date,Close\n2020-01-01,0\n2020-01-02,-1\n")) == {"2020-01-01": 0.0, "2020-01-02": -1.0}


CELLS = st.sampled_from(
    [
        "",
        "null",
        "1",
        "1.5",
        "-2",
        "1e999",
        '"1,234.5"',
        '"',
        "x",
        "BTC/USDT",
        "BTC",
        "bitcoin",
        "ETH/BTC",
        "é",
        "٣",
        "2020-01-01",
        "2020-01-02 23:59:59",
        "03/04/2020",
        "13/01/2020",
        "1577836800000",
        "1e3",
        "99999999999999999",
        "2020-01-01T00:00:00+14:00",
        "0001-01-01T00:00:00+10:00",
        "9999-12-31 23:00:00-11:00",
        "2026-11-01T09:00:00Z",
        "2020-02-30",
        "00/00/0000",
        "12-AM",
        "2020-01-01 12-AM",
        "Jan 5, 2020",
    ]
)
HEADERS = st.sampled_from(
    [
        YAHOO,
        "unix,date,symbol,open,high,low,close,Volume BTC,Volume USDT",
        "SNo,Name,Symbol,Date,High,Low,Open,Close,Volume,Marketcap",
        "date,coingecko_coin_id,coin_symbol,coin_name,price_usd",
        "id,symbol,name,price_usd,ath_date,last_updated",
        "Price,Close,Open\nTicker,BTC-USD,BTC-USD\nDate,,",
        "date,value",
        "date;value",
        "1,2,3,4,5,6,7,8,9,10,11,12",
    ]
)
LINES = st.lists(st.lists(CELLS, min_size=1, max_size=12), max_size=6)


@settings(max_examples=300, deadline=None)
@given(
    header=HEADERS,
    lines=LINES,
    end=st.sampled_from(["\n", "\r\n", "\r"]),
    name=st.sampled_from(["BTC-USD.csv", "x.csv"]),
)
def test_whatever_the_cells_every_line_is_landed_or_rejected(
    header: str, lines: list[list[str]], end: str, name: str
) -> None:
    width = header.split("\n", maxsplit=1)[0].replace(";", ",").count(",") + 1
    fitted = [(line * width)[:width] if index % 3 else line for index, line in enumerate(lines)]
    delimiter = ";" if ";" in header else ","
    text = header.replace("\n", end) + end + end.join(delimiter.join(line) for line in fitted)
    with suppress(UnreadableFileError):
        read(text, name)


@settings(max_examples=300, deadline=None)
@given(st.one_of(st.binary(), st.text().map(str.encode), st.text().map(lambda text: f"{YAHOO}\n{text}".encode())))
def test_whatever_the_bytes_nothing_but_a_sentence_is_raised(content: bytes) -> None:
    with suppress(UnreadableFileError):
        read(content)


@settings(max_examples=100, deadline=None)
@given(
    st.lists(
        st.tuples(st.dates(date(2013, 1, 1), date(2026, 11, 21)), st.floats(0, 1e300)),
        min_size=1,
        unique_by=lambda row: row[0],
    )
)
def test_every_finite_number_arrives_as_it_was_written(rows: list[tuple[date, float]]) -> None:
    text = "\n".join(["Date,Close", *(f"{day},{value!r}" for day, value in rows)])
    with suppress(UnreadableFileError):  # by chance the days may lie a week apart
        assert closes(read(text)) == {day.isoformat(): value for day, value in rows}


def test_formats_are_told_in_the_documentation() -> None:
    told = (Path(__file__).resolve().parents[2] / "docs" / "csv-files.md").read_text(encoding="utf-8")
    assert all(f"| `{format_.name}` |" in told for format_ in BUILT_IN)
