"""What people say beside their files: which file is of which coin, formats of their own, and a file to start with."""

from __future__ import annotations

from pathlib import Path

import pytest
from dropped import CLOSES, YAHOO, read, statuses
from pipelines import OpenPipeline, Pipeline

from crypto_platform.runner import RunFailedError
from crypto_platform.tables import DROPPED_FILES, FILE_QUARANTINE

GERMAN = "Zeit;Schluss;Umsatz\n02.10.2026;1.234,5;2.000.000,0\n01.10.2026;1.200;1.900.000\n"
FORMATS = """
[my-exchange]
kind = "history"
header = ["Zeit", "Schluss"]
date_format = "%d.%m.%Y"
delimiter = ";"
decimal = ","
complete = true

[my-exchange.columns]
date = "Zeit"
close = "Schluss"
volume = "Umsatz"
"""


def look(pipeline: Pipeline) -> None:
    """Read what is new, and stop there."""
    pipeline.runner.run([(DROPPED_FILES, None), (FILE_QUARANTINE, None)])


def quarantined(pipeline: Pipeline) -> list[tuple[object, ...]]:
    return pipeline.rows("select payload ->> 'file' from ops.quarantine where table_name = 'dropped_files' order by 1")


def test_a_file_that_waits_for_its_coin_is_read_as_soon_as_coins_csv_names_it(pipeline: Pipeline) -> None:
    for name in ("pi.csv", "e.csv"):
        pipeline.drop(name, CLOSES.replace("0.41", "3.14" if name == "pi.csv" else "2.71"))
    read(pipeline)
    assert statuses(pipeline) == {"pi.csv": "quarantined", "e.csv": "quarantined"}
    assert quarantined(pipeline) == [("e.csv",), ("pi.csv",)]
    assert pipeline.rows("select count(*) from ops.batches where status = 'failure'") == [(2,)]
    assert not [key for key in pipeline.objects() if "source=csv" in key]

    pipeline.drop("coins.csv", "file,coin\nPI.csv,ethereum\np*.csv,bitcoin\n")
    read(pipeline)
    assert statuses(pipeline) == {"pi.csv": "read", "e.csv": "quarantined"}
    assert quarantined(pipeline) == [("e.csv",)], "it has left the quarantine"
    assert pipeline.asked("select distinct asset_id from unified_prices") == [{"asset_id": "ethereum"}]
    book = "select status, rows from ops.batches order by status"
    assert pipeline.rows(book) == [("failure", 0), ("success", 4)], "a file has one line in the book"

    pipeline.drop("coins.csv", "file,coin\n*.csv,bitcoin\n")
    look(pipeline)
    found = pipeline.asked("select file, status, coin from dropped_files order by file")
    assert [tuple(row.values()) for row in found] == [("e.csv", "read", "bitcoin"), ("pi.csv", "read", "ethereum")]
    assert quarantined(pipeline) == []


def test_a_name_that_tells_counts_where_the_same_content_had_one_that_does_not(pipeline: Pipeline) -> None:
    pipeline.drop("a copy.csv", CLOSES)
    look(pipeline)
    pipeline.drop("SOL-USD.csv", CLOSES)
    look(pipeline)
    (row,) = pipeline.asked("select status, coin from dropped_files")
    assert row == {"status": "read", "coin": "yahoo:SOL-USD"}


def test_a_format_of_ones_own_is_read_as_it_is_described(pipeline: Pipeline) -> None:
    pipeline.drop("ETH-USD.csv", GERMAN)
    pipeline.drop("formats.toml", FORMATS)
    look(pipeline)
    (row,) = pipeline.asked("select status, format, coin, landed from dropped_files")
    assert row == {"status": "read", "format": "my-exchange", "coin": "yahoo:ETH-USD", "landed": 2}
    points = pipeline.asked(
        "select strftime(observed_at, '%m-%d') as day, close_usd, volume_usd, unfinished from raw_history order by 1"
    )
    assert [tuple(point.values()) for point in points] == [
        ("10-01", 1200.0, 1_900_000.0, None),
        ("10-02", 1234.5, 2_000_000.0, None),
    ]


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("coins.csv", "file,coin\nx.csv\n", r"Line 2 of coins\.csv cannot be read"),
        ("coins.csv", "BTC-USD.csv,bitcoin\n", r"Line 1 of coins\.csv must be the header `file,coin`\.$"),
        ("formats.toml", "[mine]\nkind = history\n", r"Line 2 of formats\.toml is not TOML"),
        ("formats.toml", "[mine]\nkind = 'history'\n", r"Line 1 of formats\.toml: the format mine needs header"),
    ],
)
def test_a_guide_that_cannot_be_understood_is_one_sentence_and_nothing_is_read(
    pipeline: Pipeline, name: str, content: str, sentence: str
) -> None:
    pipeline.drop("BTC-USD.csv", YAHOO)
    pipeline.drop(name, content)
    with pytest.raises(RunFailedError, match=f"^{sentence}") as caught:
        look(pipeline)
    assert "\n" not in str(caught.value)
    assert (pipeline.objects(), pipeline.answers("csv")) == ({}, [])
    pipeline.drop(name, "")
    look(pipeline)
    assert statuses(pipeline) == {"BTC-USD.csv": "read"}


def test_the_file_that_the_settings_name_is_read_and_read_once(open_pipeline: OpenPipeline, tmp_path: Path) -> None:
    file = tmp_path / "BTC-USD.csv"
    file.write_text(YAHOO)
    pipeline = open_pipeline(csv_file_path=file)
    for _ in range(2):
        look(pipeline)
        assert statuses(pipeline) == {"BTC-USD.csv": "read"}
    file.write_text(YAHOO + "2026-10-05,1,2,1,2,2,3\n")
    look(pipeline)
    assert pipeline.asked("select count(*) as files, sum(landed)::int as rows from dropped_files") == [
        {"files": 2, "rows": 9}
    ]
    assert pipeline.lake.store.keys("drop") == ["drop/BTC-USD.csv"]
    file.unlink()
    with pytest.raises(RunFailedError, match=r"BTC-USD\.csv cannot be read .*; set CRYPTO_CSV_FILE_PATH to another"):
        look(pipeline)


def test_the_file_that_the_settings_name_replaces_none_that_somebody_dropped(
    open_pipeline: OpenPipeline, tmp_path: Path
) -> None:
    file = tmp_path / "pi.csv"
    file.write_text(YAHOO)
    pipeline = open_pipeline(csv_file_path=file)
    pipeline.drop("pi.csv", CLOSES)
    for _ in range(2):
        look(pipeline)
        assert pipeline.lake.store.read("drop/pi.csv").decode() == CLOSES
        assert statuses(pipeline) == {"pi.csv": "quarantined", "pi (2).csv": "quarantined"}
    pipeline.drop("coins.csv", "file,coin\npi.csv,bitcoin\npi (2).csv,ethereum\n")
    look(pipeline)
    assert statuses(pipeline) == {"pi.csv": "read", "pi (2).csv": "read"}


@pytest.mark.parametrize("name", ["coins.csv", ".hidden.csv"])
def test_the_file_that_the_settings_name_must_be_one_that_is_read(
    open_pipeline: OpenPipeline, tmp_path: Path, name: str
) -> None:
    (tmp_path / name).write_text(YAHOO)
    with pytest.raises(RunFailedError, match=r"rename it, and set CRYPTO_CSV_FILE_PATH\.$"):
        look(open_pipeline(csv_file_path=tmp_path / name))
