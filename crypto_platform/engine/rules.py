"""The rules a table must keep: SQL that selects the rows which break them. Two of each follow from the registry."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import Literal

from crypto_platform.engine.query import EngineError
from crypto_platform.shipped import shipped_path
from crypto_platform.tables import TABLES, Table

Severity = Literal["error", "warn"]
_HEADER = re.compile(r"^-- severity: (error|warn)\n((?:-- .*\n)+)", re.MULTILINE)


@dataclass(frozen=True)
class Rule:
    """What one rule is called, how bad a breach is, what it says, and the rows that break it."""

    table: str
    name: str
    severity: Severity
    sentence: str
    sql: str

    @property
    def tables(self) -> tuple[str, ...]:
        """The tables its SQL reads."""
        return tuple(name for name in TABLES if re.search(rf"\b(from|join)\s+{name}\b", self.sql, re.IGNORECASE))


@cache
def rules_of(table: Table) -> tuple[Rule, ...]:
    """Every rule of a table: those the registry implies, then those in `sql/checks`."""
    files = sorted(shipped_path("sql/checks").glob(f"{table.name}__*.sql"))
    return (*_implied(table), *(_rule(table, path.stem.split("__", 1)[1], path.read_text()) for path in files))


def _rule(table: Table, name: str, text: str) -> Rule:
    header = _HEADER.match(text)
    if header is None:
        raise EngineError(f"The check {table.name}__{name}.sql must open with `-- severity: error` or `warn`.")
    sentence = " ".join(line.removeprefix("-- ") for line in header[2].strip().splitlines())
    severity: Severity = "error" if header[1] == "error" else "warn"
    return Rule(table.name, name, severity, sentence, text[header.end() :])


def _implied(table: Table) -> tuple[Rule, ...]:
    if not table.key:
        return ()
    shown = ", ".join(dict.fromkeys(filter(None, (table.partition_column, *table.key))))
    unique = f"select {shown}, count(*) as rows from {table.name} group by {shown} having count(*) > 1"  # noqa: S608
    required = [column.name for column in table.columns if column.required]
    missing = " or ".join(f"{name} is null" for name in required)
    return (
        Rule(table.name, "key_is_unique", "error", f"No two rows share {', '.join(table.key)}.", unique),
        Rule(
            table.name,
            "required_columns_are_filled",
            "error",
            f"Never null: {', '.join(required)}.",
            f"select {shown} from {table.name} where {missing}",  # noqa: S608
        ),
    )
