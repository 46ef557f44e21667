"""`crypto-platform drop`: files go in, and what became of them comes out, for people and for scripts."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from command_line import CommandLine, commands_on, environment_of
from dropped import CLOSES, YAHOO
from pipelines import Market, Pipeline


@pytest.fixture
def command_line(
    pipeline: Pipeline, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, market: Market
) -> Iterator[CommandLine]:
    with commands_on(pipeline, market, tmp_path, monkeypatch) as commands:
        yield commands


def test_a_file_is_dropped_with_its_coin_and_is_in_gold(command_line: CommandLine, tmp_path: Path) -> None:
    (tmp_path / "prices [old].csv").write_text(CLOSES)
    (row,) = command_line.json("drop", "prices [old].csv", "--coin", "bitcoin", "--json")
    told = {name: row[name] for name in ("file", "status", "format", "coin", "rows", "landed", "rejected", "first_day")}
    assert told == {
        "file": "prices [old].csv", "status": "read", "format": "close-only", "coin": "bitcoin",
        "rows": 4, "landed": 4, "rejected": 0, "first_day": "2026-10-20",
    }  # fmt: skip
    sql = "select distinct asset_id from unified_prices"
    assert command_line.json("query", "--json", sql) == [{"asset_id": "bitcoin"}]
    assert (tmp_path / "prices [old].csv").read_text() == CLOSES, "the file itself stays where it was"


def test_people_are_shown_a_table_of_all_files(command_line: CommandLine, tmp_path: Path) -> None:
    empty = command_line("drop")
    assert (empty.exit_code, "The drop folder is empty: " in empty.stdout) == (0, True)
    (tmp_path / "BTC-USD.csv").write_text(YAHOO)
    (tmp_path / "pi.csv").write_text(CLOSES)
    shown = command_line("drop", "BTC-USD.csv", "pi.csv")
    assert shown.exit_code == 1, "one that was asked for was not read; it holds up no other"
    assert "pi.csv was not read: " in " ".join(shown.stderr.split())
    lines = [line.split() for line in shown.stdout.splitlines()]
    first = ["BTC-USD.csv", "read", "yahoo", "yahoo:BTC-USD", "4", "4", "0", "2026-10-01", "2026-10-04"]
    assert [line for line in lines if line and line[0] == "BTC-USD.csv"] == [first]
    assert any(line[:2] == ["pi.csv", "quarantined"] for line in lines)
    assert "names no coin" in shown.stdout
    named = command_line.json("drop", "pi.csv", "--coin", "dogecoin", "--json")
    assert {row["file"]: row["status"] for row in named} == {"pi.csv": "read"}
    assert {row["file"] for row in command_line.json("drop", "--json")} == {"BTC-USD.csv", "pi.csv"}
    (tmp_path / "again.csv").write_text(YAHOO)
    assert "again.csv has the very bytes of BTC-USD.csv" in " ".join(command_line("drop", "again.csv").stderr.split())


def test_a_coin_that_cannot_be_known_is_refused_and_spoils_nothing(command_line: CommandLine, tmp_path: Path) -> None:
    (tmp_path / "prices.csv").write_text(CLOSES)
    told = command_line.sentence("drop", "prices.csv", "--coin", "two words")
    assert "'two words'; write the platform's id as in bitcoin, or a vendor's" in told
    assert command_line.json("drop", "prices.csv", "--coin", "bitcoin", "--json")[0]["status"] == "read"


def test_a_file_that_is_not_there_ends_with_the_usage(command_line: CommandLine) -> None:
    done = command_line("drop", "nowhere.csv")
    assert (done.exit_code, done.stderr.splitlines()[-1]) == (
        2,
        "Error: Invalid value for '[FILES]...': File 'nowhere.csv' does not exist.",
    )


def test_a_bad_coins_file_is_one_sentence_and_exit_code_1(pipeline: Pipeline, market: Market, tmp_path: Path) -> None:
    pipeline.drop("BTC-USD.csv", YAHOO)
    pipeline.drop("coins.csv", "file,coin\nBTC-USD.csv,two words\n")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("CRYPTO_")}
    done = subprocess.run(
        [sys.executable, "-m", "crypto_platform.cli", "drop"],
        env=environment | environment_of(pipeline, market),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout) == (1, "")
    told = done.stderr.strip()
    assert told.startswith("Error: Line 2 of coins.csv names no coin that can be known: 'two words';")
    assert len(told.splitlines()) == 1
    assert pipeline.objects() == {}


def in_drop(pipeline: Pipeline) -> dict[str, str]:
    return {key: pipeline.lake.store.read(key).decode() for key in pipeline.lake.store.keys("drop")}


def test_two_files_of_one_name_are_refused_and_so_are_hidden_ones(
    command_line: CommandLine, pipeline: Pipeline, tmp_path: Path
) -> None:
    for name, content in {"a/p.csv": CLOSES, "b/p.csv": YAHOO, ".p.csv": CLOSES}.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(content)
    assert "Two of the files are called p.csv;" in command_line.sentence("drop", "a/p.csv", "b/p.csv")
    assert ".p.csv begins with a dot" in command_line.sentence("drop", "a/p.csv", ".p.csv", "--coin", "bitcoin")
    assert in_drop(pipeline) == {}


def test_a_file_that_waits_to_be_read_is_not_lost_to_one_of_its_name(
    command_line: CommandLine, pipeline: Pipeline, tmp_path: Path
) -> None:
    pipeline.drop("BTC-USD.csv", CLOSES)
    (tmp_path / "BTC-USD.csv").write_text(YAHOO)
    told = command_line.sentence("drop", "BTC-USD.csv")
    assert "The drop folder holds another BTC-USD.csv, which was not read yet" in told
    assert in_drop(pipeline) == {"drop/BTC-USD.csv": CLOSES}
    command_line.json("drop", "--json")
    command_line.json("drop", "BTC-USD.csv", "--json")
    assert len(command_line.json("drop", "--json")) == 2, "by now it is kept"
    assert in_drop(pipeline) == {"drop/BTC-USD.csv": YAHOO}


@pytest.mark.parametrize("name", ["coins.csv", "formats.toml"])
def test_prices_do_not_take_the_place_of_a_guide(
    command_line: CommandLine, pipeline: Pipeline, tmp_path: Path, name: str
) -> None:
    pipeline.drop("coins.csv", "file,coin\npi.csv,bitcoin\n")
    (tmp_path / name).write_text(CLOSES)
    assert f"Files called {name} tell of the others; rename it" in command_line.sentence("drop", name)
    assert in_drop(pipeline) == {"drop/coins.csv": "file,coin\npi.csv,bitcoin\n"}
    (tmp_path / name).write_text("")
    assert "is of no coin" in command_line.sentence("drop", name, "--coin", "bitcoin")
    command_line.json("drop", name, "--json")
    assert in_drop(pipeline)[f"drop/{name}"] == ""


def test_another_coin_for_what_was_read_is_refused_and_changes_nothing(
    command_line: CommandLine, pipeline: Pipeline, tmp_path: Path
) -> None:
    (tmp_path / "price.csv").write_text(CLOSES)
    (row,) = command_line.json("drop", "price.csv", "--coin", "ethereum", "--json")
    before = in_drop(pipeline)
    told = command_line.sentence("drop", "price.csv", "--coin", "bitcoin")
    assert f"price.csv was read as ethereum on {row['read_at'][:10]}, and a file is read once." in told
    assert in_drop(pipeline) == before
    assert command_line.json("drop", "price.csv", "--coin", "asset:ethereum", "--json") == [row]


def test_a_file_that_is_too_large_is_not_even_opened(
    command_line: CommandLine, pipeline: Pipeline, tmp_path: Path
) -> None:
    with (tmp_path / "BTC-USD.csv").open("w") as file:
        file.truncate(10**12)  # a hole; nothing is written
    assert "BTC-USD.csv is 1,000,000 MB large" in command_line.sentence("drop", "BTC-USD.csv")
    assert in_drop(pipeline) == {}
