"""What a home holds, for people and for scripts: rows by table, quarantine by reason, checks, a chart, what to try."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from crypto_platform.cli.chart import price_chart
from crypto_platform.cli.console import cell, out, table
from crypto_platform.tables import TABLES, UNIFIED_VIEW

if TYPE_CHECKING:
    from crypto_platform.platform import Platform
    from crypto_platform.runner import CheckCounts


@dataclass
class Summary:
    """Everything the demo ends with."""

    sources: list[dict[str, Any]]
    rows: list[dict[str, Any]]
    prices: dict[str, Any]
    quarantined: dict[str, int]
    checks: dict[str, Any]
    seconds: dict[str, float]
    chart: tuple[list[str], list[float]]
    home: str
    nothing_new: bool = False
    next: list[str] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        return {
            "sources": self.sources,
            "tables": self.rows,
            "unified_prices": self.prices,
            "quarantined": self.quarantined,
            "checks": self.checks,
            "seconds": self.seconds,
            "nothing_new": self.nothing_new,
            "home": self.home,
        }


def summarise(platform: Platform, checks: CheckCounts, seconds: dict[str, float]) -> Summary:
    asked = _Asked(platform)
    rows = []
    for name, each in TABLES.items():
        in_lake = asked.one(f'select count(*) as rows from "{name}"')["rows"] if each is not UNIFIED_VIEW else None  # noqa: S608
        where = each.warehouse or ("gold.unified_view" if each is UNIFIED_VIEW else None)
        rows.append(
            {"table": name, "lake_rows": in_lake, "warehouse": where, "warehouse_rows": _warehouse_rows(platform, name)}
        )
    sources = asked.all(
        "with live as (select source, count(*) as observations from bronze_markets group by source),"
        " history as (select source, count(*) as bars, min(bar_date) as first_bar from historic_prices group by source)"
        " select source, observations, bars, first_bar from live full join history using (source) order by source"
    )
    prices = asked.one(
        "select count(*) as rows, count(distinct asset_id) as assets, min(metric_date) as first_day, "
        "max(metric_date) as last_day from unified_prices"
    )
    reasons = asked.all(
        "select split_part(reason, ':', 1) as reason, sum(occurrences)::bigint as rows from ("
        " select unnest(reasons) as reason, occurrences from quarantine"
        " union all select unnest(reasons), occurrences from historic_quarantine)"
        " group by 1 order by 2 desc, 1"
    )
    closes = asked.all(
        "select metric_date, close_usd from unified_prices where asset_id = 'bitcoin' order by metric_date"
    )
    return Summary(
        sources=sources,
        rows=rows,
        prices=prices,
        quarantined={row["reason"]: row["rows"] for row in reasons},
        checks={
            "passed": checks.passed,
            "warned": checks.warned,
            "failed": checks.failed,
            "rows_that_break_a_rule": checks.findings,
        },
        seconds=seconds,
        chart=([str(row["metric_date"]) for row in closes], [row["close_usd"] for row in closes]),
        home=str(platform.home),
    )


class _Asked:
    """Questions to the lake, all over the same relations."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform

    def all(self, sql: str) -> list[dict[str, Any]]:
        from crypto_platform.cli.stores import asked

        with asked(self._platform, sql) as batches:
            rows: list[dict[str, Any]] = batches.read_all().to_pylist()
            return rows

    def one(self, sql: str) -> dict[str, Any]:
        return self.all(sql)[0]


def _warehouse_rows(platform: Platform, name: str) -> int | None:
    """The rows of a table as its publications count them; of the view, counted."""
    if TABLES[name] is not UNIFIED_VIEW and TABLES[name].warehouse is None:
        return None
    with platform.warehouse.reader() as connection:
        if TABLES[name] is UNIFIED_VIEW:
            row = connection.execute("select count(*) from gold.unified_view").fetchone()
        else:
            row = connection.execute(
                "select coalesce(sum(rows), 0)::bigint from ops.publications where table_name = %s", (name,)
            ).fetchone()
    return int(str(row[0])) if row else 0


def show(summary: Summary) -> None:
    out.print()
    table(
        "Sources",
        ["source", "live observations", "daily bars", "first bar"],
        [[row["source"], row["observations"], row["bars"], row["first_bar"]] for row in summary.sources],
    )
    out.print()
    columns = ["table", "rows in the lake", "rows in the warehouse", "as"]
    table(
        "Tables",
        columns,
        [[row["table"], row["lake_rows"], row["warehouse_rows"], row["warehouse"]] for row in summary.rows],
    )
    prices = summary.prices
    out.print(
        f"\n[bold]{cell(prices['rows'])}[/] unified prices of [bold]{prices['assets']}[/] assets, "
        f"{prices['first_day']} to {prices['last_day']}\n"
    )
    if summary.quarantined:
        table("Quarantined", ["reason", "rows"], list(summary.quarantined.items()))
        out.print("A row can have several reasons, and repeats count.", style="dim")
        out.print()
    checks = summary.checks
    out.print(f"[bold]Checks[/]  {checks['passed']} passed, {checks['warned']} warned, {checks['failed']} failed")
    for name, rows in checks["rows_that_break_a_rule"].items():
        out.print(f"  {name}: {cell(rows)} rows")
    out.print()
    table("Seconds", ["stage", "seconds"], [[name, f"{value:.2f}"] for name, value in summary.seconds.items()])
    out.print("\n[bold]Bitcoin, simulated, in USD[/]")
    for line in price_chart(*summary.chart):
        out.print(line, style="cyan", markup=False)
    if summary.nothing_new:
        out.print("\n[bold green]Everything was there already: not one row of the warehouse changed.[/]")
    out.print("\n[bold]Next[/]")
    program = "crypto-platform" if shutil.which("crypto-platform") else ".venv/bin/crypto-platform"
    for command, what in (
        ("up", "the Dagster UI on this home, with everything that just ran"),
        (
            "query \"select * from unified_prices where asset_id = 'bitcoin' limit 5\"",
            "SQL over the lake",
        ),
        ("export unified_prices --to prices.parquet", "a whole table as a file"),
        ("status", "sources, tables and what was last landed"),
    ):
        out.print(f"  {program} {command}", style="green", markup=False, soft_wrap=True)
        out.print(f"    {what}")
    out.print(f"\nThe stores are in {summary.home}.", markup=False)
