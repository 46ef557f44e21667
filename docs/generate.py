"""Writes what the documentation takes from the code: the tables, the commands and the settings. `make docs` runs it.

The texts live in the code: in `tables.py`, in the commands' docstrings, in `settings.py`. A test holds the files to it.
"""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import click
from pydantic import AliasChoices
from pydantic.fields import FieldInfo

from crypto_platform.cli import main
from crypto_platform.engine import rules_of
from crypto_platform.settings import Settings, Vendor
from crypto_platform.sources import SOURCES
from crypto_platform.tables import TABLES, Column, Grain, Table, Type

ROOT = Path(__file__).resolve().parent.parent
_WIDTH = 100

_GROUPS = {
    "home": "Stores",
    "upstream": "World: real vendors or the simulated market, and since when",
    "vendors": "Vendors: what is not set, the source and its plan decide",
    "max_retries": "HTTP",
    "snapshot_cron": "Operation; crons are UTC",
}
"""The first setting of each group, in the order of `settings.py`."""


def tables() -> str:
    """The data dictionary."""
    parts = [
        "# Tables",
        _generated("`crypto_platform/tables.py` and `sql/checks`"),
        "Money is USD in double precision, times are UTC in microseconds, percentages are percent.",
        "A table's name is its asset in Dagster, its folder in the lake, its SQL file and its name in "
        "`crypto-platform query`. The warehouse spells it as given below; there, a column of type `jsonb` may be null "
        "and has a column of its name with `_text` beside it, which holds a text that `jsonb` refuses, as it came.",
        "| table | one line | warehouse |\n| --- | --- | --- |\n"
        + "\n".join(
            f"| [`{table.name}`](#{table.name}) | {table.about} | {_warehouse(table)} |" for table in TABLES.values()
        ),
        *(_section(table) for table in TABLES.values()),
    ]
    return "\n\n".join(parts) + "\n"


def _section(table: Table) -> str:
    facts = [
        f"- Key: {', '.join(f'`{name}`' for name in table.key) or 'none'}",
        f"- Partitions: {_partitions(table)}",
        f"- Lake: {_lake(table)}",
        f"- Warehouse: {_warehouse(table)}",
    ]
    rows = ["| column | type | in PostgreSQL | null | |", "| --- | --- | --- | --- | --- |"]
    rows += [_row(column) for column in table.columns]
    rules = [] if _is_raw(table) else [f"- {rule.severity}: {rule.sentence}" for rule in rules_of(table)]
    parts = [f"## {table.name}", table.about, "\n".join(facts), "\n".join(rows)]
    if rules:
        parts += ["Rules:", "\n".join(rules)]
    return "\n\n".join(parts)


def _row(column: Column) -> str:
    type_ = f"{column.type.duckdb} (JSON)" if column.type is Type.JSON else column.type.duckdb
    null = "no" if column.required else "yes"
    return f"| `{column.name}` | {type_} | {column.type.postgres} | {null} | {column.about} |"


def _partitions(table: Table) -> str:
    grain = {Grain.DAY: "one a UTC day", Grain.MONTH: "one a month", Grain.NONE: "none"}[table.grain]
    return f"{grain}, by `{table.partition_column}`" if table.partition_column else grain


def _is_raw(table: Table) -> bool:
    return table.name.startswith("raw_")


def _lake(table: Table) -> str:
    if not table.key:
        return "nothing is stored"
    source = "source=<source>/" if table.per_source else ""
    key = {Grain.DAY: "YYYY-MM-DD", Grain.MONTH: "YYYY-MM"}.get(table.grain)
    partition = f"{table.grain.value}={key}/" if key else ""
    file = "<batch_id>" if _is_raw(table) else "data"
    return f"`{table.name}/{source}{partition}{file}.parquet`" + (", append-only" if _is_raw(table) else "")


def _warehouse(table: Table) -> str:
    if not table.key:
        return f"`gold.{table.name}`"
    if table.warehouse is None:
        return "not there"
    shared = " and ".join(f"`{column} = '{value}'`" for column, value in table.owned)
    return f"`{table.warehouse}`" + (f", where {shared}" if shared else "")


def commands() -> str:
    """Every command's own help."""
    parts = ["# Commands", _generated("the commands' own help")]
    width = {"max_content_width": _WIDTH, "terminal_width": _WIDTH}
    context = click.Context(main, info_name="crypto-platform", help_option_names=["-h", "--help"], **width)
    parts.append(_help(main, context))
    for name in main.list_commands(context):
        command = main.get_command(context, name)
        if command is not None:
            inner = click.Context(command, context, name, **width)
            parts += [f"## {name}", _help(command, inner)]
    return "\n\n".join(parts) + "\n"


def _help(command: click.Command, context: click.Context) -> str:
    lines = (line.rstrip() for line in command.get_help(context).splitlines())
    return "```text\n" + "\n".join(lines) + "\n```"


def _generated(source: str) -> str:
    return f"Written from {source} by `make docs`; change it there."


def settings() -> str:
    """Every setting with its default, commented out, as an example of `.env`."""
    lines = [
        "# Every setting, each with its default; copy what you want to change to `.env`, or set it in the environment.",
        "# Nothing after the `=` means that nothing is set by default. The environment comes before `.env`.",
        "# Written from crypto_platform/settings.py by `make docs`.",
    ]
    for name, field in Settings.model_fields.items():
        if name in _GROUPS:
            lines += ["", f"## {_GROUPS[name]}"]
        if name == "vendors":
            lines += [line for source in asked_sources() for line in _vendor(source)]
        else:
            lines += ["", *_setting(name, field)]
    return "\n".join(lines) + "\n"


def asked_sources() -> list[str]:
    """The sources that are vendors, whose settings bear their name."""
    return [name for name, source in SOURCES.items() if not source.from_files]


def _vendor(source: str) -> Iterator[str]:
    for name, field in Vendor.model_fields.items():
        key = f" {source.upper()}_API_KEY is understood too." if name == "api_key" else ""
        about = f"{source}: {(field.description or '')[0].lower()}{(field.description or '')[1:]}{key}"
        yield ""
        yield from textwrap.wrap(about, 118, initial_indent="# ", subsequent_indent="# ", break_on_hyphens=False)
        yield f"#CRYPTO_{source.upper()}_{name.upper()}="


def _setting(name: str, field: FieldInfo) -> Iterator[str]:
    about = field.description
    if not about:
        raise SystemExit(f"The setting {name} needs a description in crypto_platform/settings.py.")
    first, *others = environment_names(name, field)
    if others:
        about += f" {' or '.join(others)} is understood too."
    yield from textwrap.wrap(about, 118, initial_indent="# ", subsequent_indent="# ", break_on_hyphens=False)
    yield f"#{first}={_spelled(field.default)}"


def environment_names(name: str, field: FieldInfo) -> list[str]:
    """The variables that set a field: the platform's own name first."""
    if name == "vendors":
        vendor = [
            f"CRYPTO_{source.upper()}_{each.upper()}" for source in asked_sources() for each in Vendor.model_fields
        ]
        return [*vendor, *(f"{source.upper()}_API_KEY" for source in asked_sources())]
    alias = field.validation_alias
    if isinstance(alias, AliasChoices):
        return [str(choice) for choice in alias.choices]
    return [f"CRYPTO_{name.upper()}"]


def _spelled(default: object) -> str:
    """A default as the environment spells it."""
    if default is None:
        return ""
    if isinstance(default, tuple):
        return json.dumps(list(default))
    if isinstance(default, date):
        return default.isoformat()
    return str(default)


FILES = {"docs/tables.md": tables, "docs/commands.md": commands, ".env.example": settings}
"""Every generated file, and what writes it."""


if __name__ == "__main__":
    for path, write in FILES.items():
        ROOT.joinpath(path).write_text(write(), encoding="utf-8")
