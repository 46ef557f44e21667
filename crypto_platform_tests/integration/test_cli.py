"""The command line: what it prints for people and scripts, and its one sentence for everything it cannot do."""

from __future__ import annotations

import csv
import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner
from command_line import CommandLine, commands_on
from pipelines import NOW, Market, OpenPipeline

from crypto_platform.cli.console import flat
from crypto_platform.cli.main import _COMMANDS, main
from crypto_platform.tables import TABLES

IDLE = "00000000-0000-4000-8000-000000000000"
OCTOBER = ["--from", "2026-10-01", "--to", "2026-10-31"]


@pytest.fixture
def command_line(
    open_filled: OpenPipeline, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, market: Market
) -> Iterator[CommandLine]:
    """`crypto-platform` on a home that holds the example."""
    with commands_on(open_filled(), market, tmp_path, monkeypatch) as opened:
        yield opened


@pytest.mark.parametrize("command", ["", *_COMMANDS])
def test_every_command_explains_itself(command: str) -> None:
    done = CliRunner().invoke(main, [*command.split(), "--help"])
    assert done.exit_code == 0
    assert done.stdout.startswith(f"Usage: main {command}".rstrip())
    options = [line.split("  ") for line in done.stdout.splitlines() if line.startswith("  -")]
    assert all(len([part for part in line if part]) > 1 or line[-1].startswith("  -") for line in options)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["query", "selec 1"], "The query could not be run: Parser Error"),
        (
            ["query", "from nowhere"],
            "The query could not be run: Catalog Error: Table with name nowhere does not exist!",
        ),
        (["query", "select 1; select 2"], "The query must be one SELECT statement"),
        (["query", "drop view unified_prices"], "The query must be one SELECT statement"),
        (["query", "copy unified_prices to 'x.csv'"], "The query must be one SELECT statement"),
        (["query", "from '/etc/passwd'"], "The query could not be run"),
        (["query", "select 'x'::date"], "The query could not be run"),
        (["export", "nowhere", "--to", "x.csv"], "There is no table 'nowhere'; the tables are raw_snapshots"),
        (["export", "unified_prices", "--to", "x.xls"], "x.xls does not say in what form; name it .csv, .parquet or"),
        (["export", "unified_prices", "--to", "x"], "x does not say in what form"),
        (["export", "unified_prices", "--to", "there.csv"], "there.csv is there already; choose another name"),
        (["export", "unified_prices", "--to", "no/x.csv"], "does not exist; make it first"),
        (["backfill", "nowhere", *OCTOBER], "There is no table 'nowhere'"),
        (["backfill", "crosswalk", *OCTOBER], "crosswalk has no partitions to backfill"),
        (["backfill", "unified_view", *OCTOBER], "unified_view has no partitions to backfill"),
        (["backfill", "raw_snapshots", *OCTOBER], "A live snapshot can only be taken now"),
        (["backfill", "raw_history", *OCTOBER, "--source", "nobody"], "There is no source 'nobody'; the sources are"),
        (["backfill", "raw_history", *OCTOBER, "--source", "csv"], "csv is not asked for history"),
        (
            ["backfill", "bronze_markets", *OCTOBER, "--source", "yahoo"],
            "yahoo has no bronze_markets; these have: coingecko, coinpaprika, csv.",
        ),
        (["backfill", "raw_history", "--from", "2026-10-31", "--to", "2026-10-01"], "--from 2026-10-31 is after --to"),
        (["backfill", "raw_history", "--from", "2010-01-01", "--to", "2026-10-01"], "has partitions from 2013-01 to"),
        (
            ["backfill", "raw_history", "--from", "2026-10-01", "--to", "2100-01-01"],
            "2026-10-01 to 2100-01-01 reaches out",
        ),
        (
            ["backfill", "bronze_markets", "--from", "2025-12-31", "--to", "2026-11-01"],
            "has partitions from 2026-01-01",
        ),
        (["snapshot", "--source", "nobody"], "There is no source 'nobody'"),
        (
            ["snapshot", "--source", "yahoo"],
            "yahoo is not asked for snapshots; these are: coingecko, coinpaprika.",
        ),
        (["replay", "--batch", "the last one"], "'the last one' is no batch id"),
        (["replay", "--batch", IDLE], "there is nothing to replay"),
        (["replay", "--from", "2026-10-31", "--to", "2026-10-01"], "--from 2026-10-31 is after --to 2026-10-01"),
        (["replay", "--to", "2014-01-01"], "Nothing was landed in that time"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_cannot_be_done_is_said_in_one_sentence_and_changes_nothing(
    command_line: CommandLine, tmp_path: Path, arguments: list[str], sentence: str
) -> None:
    (tmp_path / "there.csv").write_text("precious")
    pipeline = command_line.pipeline
    before, written = pipeline.objects(), pipeline.written()
    done = command_line(*arguments)
    assert done.exit_code == 1
    assert isinstance(done.exception, SystemExit)
    assert done.stdout == ""
    told = " ".join(done.stderr.split())
    assert told.startswith("Error: ")
    assert sentence in told
    assert "Traceback" not in told
    assert (pipeline.objects(), pipeline.written()) == (before, written)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["home", "there.csv"]
    assert (tmp_path / "there.csv").read_text() == "precious"


@pytest.mark.parametrize(
    "arguments",
    [
        ["no-such-command"],
        ["backfill", "raw_history", "--from", "2026-02-30", "--to", "2026-10-01"],
        ["backfill", "raw_history", "--from", "yesterday", "--to", "2026-10-01"],
        ["backfill", "raw_history", "--to", "2026-10-01"],
        ["replay", "--from", "20261001"],
        ["export", "unified_prices"],
        ["export", "unified_prices", "--to", "."],
        ["query"],
        ["demo", "--coins", "0"],
    ],
    ids=" ".join,
)
def test_what_is_not_even_said_right_ends_with_the_usage(arguments: list[str]) -> None:
    done = CliRunner().invoke(main, arguments)
    assert done.exit_code == 2
    assert done.stderr.startswith("Usage: main")
    assert done.stderr.splitlines()[-1].startswith("Error: ")


def test_a_year_before_1000_is_outside_too(command_line: CommandLine) -> None:
    done = command_line("backfill", "bronze_markets", "--from", "0999-01-01", "--to", "2026-11-20")
    assert "reaches outside" in " ".join(done.stderr.split())


def test_a_sentence_is_one_line(command_line: CommandLine) -> None:
    assert len(command_line("export", "nowhere", "--to", "x.csv").stderr.splitlines()) == 1


def test_a_simulated_market_that_is_gone_is_told_of(command_line: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CRYPTO_SANDBOX_URL", "http://127.0.0.1:9")
    done = command_line("snapshot")
    assert isinstance(done.exception, SystemExit)


def test_a_query_that_breaks_after_its_first_rows_is_told_of(command_line: CommandLine) -> None:
    late = "select (case when i < 900000 then '1' else 'x' end)::int as number from range(1000000) as t(i)"
    done = command_line("query", "--json", late)
    assert isinstance(done.exception, SystemExit)


def test_a_lake_without_snapshots_is_projected(command_line: CommandLine) -> None:
    store = command_line.pipeline.lake.store
    for key in store.keys("raw_snapshots"):
        store.delete(key)  # as a process leaves it that was killed before its first snapshot had landed
    assert command_line("rebuild-warehouse").exit_code == 0


@pytest.mark.parametrize("command", ["query", "export"])
def test_a_damaged_object_is_told_of(command_line: CommandLine, command: str) -> None:
    key = command_line.pipeline.lake.store.keys("bronze_markets")[0]
    command_line.pipeline.lake.store.path(key).write_bytes(b"PAR1")
    arguments = (
        ["query", "from bronze_markets"] if command == "query" else ["export", "bronze_markets", "--to", "x.csv"]
    )
    done = command_line(*arguments)
    assert isinstance(done.exception, SystemExit)
    assert key in " ".join(done.stderr.split())


def test_a_home_that_cannot_be_made_is_told_of(
    command_line: CommandLine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("precious")
    monkeypatch.setenv("CRYPTO_HOME", str(tmp_path / "file"))
    for arguments in (["snapshot"], ["migrate"], ["doctor"]):
        done = command_line(*arguments)
        assert (done.exit_code, isinstance(done.exception, SystemExit)) == (1, True)
        assert "cannot be written" in " ".join((done.stderr + done.stdout).split())
    assert (tmp_path / "file").read_text() == "precious"


def test_reading_makes_no_home(command_line: CommandLine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CRYPTO_HOME", str(tmp_path / "none"))
    reading = (["query", "select 1"], ["export", "bronze_markets", "--to", "x.csv"], ["status"])
    for arguments in (*reading, ["replay"], ["rebuild-warehouse"]):
        done = command_line(*arguments)
        assert done.exit_code == 1
        assert "There is no home at" in " ".join(done.stderr.split())
    assert not (tmp_path / "none").exists()


def test_a_setting_that_makes_no_sense_is_told_of(command_line: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CRYPTO_COINGECKO_TOP", "many")
    done = command_line("query", "select 1")
    assert done.exit_code == 1
    assert " ".join(done.stderr.split()).startswith("Error: The setting CRYPTO_COINGECKO_TOP is not usable:")


def test_a_query_as_json_is_an_array_of_row_objects(command_line: CommandLine) -> None:
    sql = (
        "select metric_date, asset_id, close_usd, is_final, spread_pct, as_of from unified_prices order by all limit 3"
    )
    rows = command_line.json("query", "--json", sql)
    assert rows == [
        {
            name: str(value) if name == "metric_date" else value.isoformat() if name == "as_of" else value
            for name, value in row.items()
        }
        for row in command_line.pipeline.asked(sql)
    ]
    assert command_line.json("query", "--json", "select 1 as one where false") == []
    assert command_line.json("query", "--json", "select [1, null] as l, {'a': 'é\n'} as s, null as n") == [
        {"l": [1, None], "s": {"a": "é\n"}, "n": None}
    ]
    assert len(command_line.json("query", "--json", "from range(70000)")) == 70_000


def test_a_sum_is_a_number_in_json(command_line: CommandLine) -> None:
    assert command_line.json("query", "--json", "select sum(i) as total from range(4) as t(i)") == [{"total": 6}]


def test_what_is_no_number_is_still_json(command_line: CommandLine) -> None:
    def refuse(constant: str) -> None:
        pytest.fail(f"{constant} is no JSON")

    done = command_line("query", "--json", "select 'nan'::double as nothing, 'inf'::double as all")
    json.loads(done.stdout, parse_constant=refuse)


def test_a_query_for_people_is_a_table_that_says_when_it_was_cut(command_line: CommandLine) -> None:
    done = command_line("query", "--limit", "2", "from range(5) as t(number) order by 1")
    assert done.stdout.split()[:3] == ["number", "0", "1"]
    assert "Only the first 2 rows" in done.stdout
    done = command_line("query", "select 1 as same, 2 as same")
    assert done.stdout.split() == ["same", "same", "1", "2"]


@pytest.mark.parametrize("name", ["unified_prices", "quarantine", "raw_history", "unified_view"])
def test_an_export_holds_the_table(command_line: CommandLine, tmp_path: Path, name: str) -> None:
    rows = sorted((tuple(row.values()) for row in command_line.pipeline.asked(f'from "{name}"')), key=repr)
    assert rows
    columns = list(TABLES[name].column_names)
    for suffix in ("csv", "parquet", "sqlite"):
        done = command_line("export", name, "--to", f"out.{suffix}")
        assert (done.exit_code, done.stdout.split()[0]) == (0, f"{len(rows):,}")
    exported = pq.read_table(tmp_path / "out.parquet")
    assert exported.column_names == columns
    assert sorted((tuple(row.values()) for row in exported.to_pylist()), key=repr) == rows
    plain = [tuple(flat(value) for value in row) for row in rows]
    with sqlite3.connect(tmp_path / "out.sqlite") as connection:
        stored = connection.execute(f'select {", ".join(columns)} from "{name}"').fetchall()
    assert sorted(stored, key=repr) == sorted(
        (tuple(int(v) if isinstance(v, bool) else v for v in row) for row in plain), key=repr
    )
    with (tmp_path / "out.csv").open(newline="") as file:
        head, *lines = csv.reader(file)
    assert head == columns
    assert sorted(map(tuple, lines)) == sorted(tuple("" if v is None else str(v) for v in row) for row in plain)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["home", "out.csv", "out.parquet", "out.sqlite"]


def test_an_export_replaces_a_file_only_when_it_is_told_to(command_line: CommandLine, tmp_path: Path) -> None:
    (tmp_path / "prices.csv").write_text("old")
    assert command_line("export", "crosswalk", "--to", "prices.csv", "--force").exit_code == 0
    assert (tmp_path / "prices.csv").read_text().startswith("source,source_asset_id,")


def test_a_snapshot_tells_what_was_landed_of_each_source(command_line: CommandLine, market: Market) -> None:
    market.set_clock(NOW.replace(hour=15))
    landed = command_line.json("snapshot", "--json")
    made = ("raw_snapshots", "bronze_markets", "quarantine", "silver_daily_metrics", "universe")
    assert [(row["source"], row["table"], row["partition"]) for row in landed] == [
        (source, table, "2026-11-20") for source in ("coingecko", "coinpaprika") for table in made
    ]
    staged = "select source, count(*)::int from staging.raw_snapshots where snapshot_date = '2026-11-20' group by 1"
    told = {row["source"]: row["rows"] for row in landed if row["table"] == "raw_snapshots"}
    assert told == dict(command_line.pipeline.rows(staged))


def test_a_backfill_of_what_was_landed_tells_its_rows(command_line: CommandLine) -> None:
    done = command_line("backfill", "historic_prices", "--source", "yahoo", "--yes", *OCTOBER)
    assert done.exit_code == 0, done.stderr
    assert "historic_prices yahoo 1 93" in " ".join(done.stdout.split())


def test_a_replay_of_a_batch_makes_its_days_again_and_no_other(command_line: CommandLine) -> None:
    pipeline = command_line.pipeline
    before, written = pipeline.objects(), pipeline.written()
    batch = pipeline.asked("select batch_id from raw_snapshots order by fetched_at desc limit 1")[0]["batch_id"]
    told = command_line.json("replay", "--json", "--batch", batch)
    assert [(row["table"], row["source"]) for row in told] == [
        *((table, "coingecko") for table in ("bronze_markets", "quarantine", "silver_daily_metrics", "universe")),
        ("unified_prices", None),
    ]
    days = pipeline.asked("select count(*)::int as n from bronze_markets where snapshot_date >= '2026-11-19'")
    assert told[0]["rows"] == days[0]["n"]
    assert (pipeline.objects(), pipeline.written()) == (before, written)


def test_projecting_a_warehouse_that_is_up_to_date_writes_nothing(command_line: CommandLine) -> None:
    rows = command_line.json("rebuild-warehouse", "--json")
    assert {(row["written"], row["deleted"]) for row in rows} == {(0, 0)}
    assert command_line("migrate").stdout == "The schema is up to date.\n"


def test_status_counts_what_both_stores_hold(command_line: CommandLine) -> None:
    told = json.loads(command_line("status", "--json").stdout)
    assert (told["world"], told["gold_to_refresh"]) == ("sandbox", [])
    assert [(row["source"], row["kind"], row["batches"], row["last_success_at"]) for row in told["sources"]] == [
        ("coingecko", "snapshot", 3, "2026-11-20T12:30:00+00:00"),
        ("yahoo", "history", 1, "2026-11-20T12:30:00+00:00"),
        ("coinpaprika", None, 0, None),
        ("csv", None, 0, None),
    ]
    rows = {row["table"]: row["rows"] for row in told["tables"]}
    assert rows == {name: command_line.pipeline.count(TABLES[name]) for name in rows}
    assert command_line("status").exit_code == 0


def test_a_doctor_finds_a_sandbox_home_well_and_leaves_it_as_it_was(command_line: CommandLine, market: Market) -> None:
    before = command_line.pipeline.objects()
    told = command_line.json("doctor", "--json")
    assert [(row["what"], row["well"]) for row in told] == [
        (what, True)
        for what in (
            *("Versions", "Disk", "Lake", "Warehouse", "Engine", "Ports"),
            *("Vendor coingecko", "Vendor coinpaprika", "Vendor yahoo"),
        )
    ]
    assert command_line.pipeline.objects() == before
