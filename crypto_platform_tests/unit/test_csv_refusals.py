"""Files of which nothing can be used: one sentence each, about what is wrong."""

from __future__ import annotations

import gzip

import pytest
from test_csv_rows import YAHOO, read, refused

from crypto_platform.settings import Settings
from crypto_platform.sources.csv import Csv
from crypto_platform.sources.errors import Permanent


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "is empty"),
        (b"\xef\xbb\xbf\r\n \n", "is empty"),
        (b",,,\n;;\n", "nothing but empty lines"),
        (f"{YAHOO}\n".encode(), "has a header and no rows"),
        ("Date,Clôse\n".encode("latin-1"), "is not UTF-8 text at byte 7"),
        ("Date,Close\n2020-01-01,1\n".encode("utf-16-le"), "a NUL character on line 1"),
        (b"Date,Close\n2020-01-01,\x00\n", "a NUL character on line 2"),
        (b"\xff\xfe\x00", "is not UTF-16 text"),
        (b"PK\x03\x04 a workbook", "an Excel workbook or a ZIP archive"),
        (gzip.compress(b"Date,Close"), "a gzip archive"),
        (b"Date,Close\n" + b"9" * 200_000, "its line 2 is 200,000 characters long"),
        (b"foo,bar\n1,2\n", "has a header that is not known: foo, bar"),
        (b"Date,Close,close\n2020-01-01,1,2\n", "has two columns Close"),
    ],
)
def test_a_file_that_is_no_table_of_prices_is_refused_with_a_sentence(content: bytes, sentence: str) -> None:
    said = refused(content)
    assert sentence in said
    assert said.startswith("BTC-USD.csv ")


def test_a_header_that_is_not_known_points_to_the_documentation() -> None:
    assert "docs/csv-files.md" in refused("foo,bar\n1,2\n")


def test_a_long_file_is_read_whole() -> None:
    lines = "".join(
        f"{i % 9}," + ("x" if i == 24_000 else "") + f"Coin {i % 5000},C,2020-01-0{1 + i // 5000},2,1,1,2,9,9\n"
        for i in range(25_000)
    )
    reading = read(f"SNo,Name,Symbol,Date,High,Low,Open,Close,Volume,Marketcap\n{lines}")
    assert (reading.rows.num_rows, reading.coins.num_rows) == (25_000, 5_001)


def test_nobody_is_asked_for_a_file() -> None:
    source = Csv.from_settings(Settings())
    assert source.complaint(b"{}") == ""
    assert source.budget.per_minute is None
    with pytest.raises(Permanent, match="put the file into drop/"):
        source.http(Settings(), lambda: None, lambda *_: None)  # type: ignore[arg-type, return-value]
