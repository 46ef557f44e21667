"""`status`: how each source's last batches went, what is left of its budget, what was rejected, and what waits."""

from __future__ import annotations

from typing import Any

import click

from crypto_platform.cli.console import out, print_json, sentences, table
from crypto_platform.cli.session import open_platform, require_stores
from crypto_platform.cli.standing import standing

_SHORT = 160


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
@sentences
def status(as_json: bool) -> None:
    """How each source's last batches went, and how much of its budget is left; what was rejected; what waits.

    What waits is raw data that nothing was made of yet, and months of gold whose inputs have changed.
    """
    with open_platform() as platform:
        require_stores(platform.settings)
        told = standing(platform)
    if as_json:
        print_json(told)
        return
    out.print(f"[bold]{told['world']}[/] data in {told['home']}, lake {told['lake']}\n")
    _show_sources(told)
    _show_rejected(told)
    _show_tables(told)


def _show_sources(told: dict[str, Any]) -> None:
    rows = told["sources"]
    table(
        "Sources (times are UTC)",
        ["source", "kind", "last batch", "last success", "last failure", "pages", "rows", "batches", "failed"],
        [
            [
                row["source"],
                row["kind"],
                row["status"] or "never asked",
                _minute(row["last_success_at"]),
                _minute(row["last_failure_at"]),
                row["pages"],
                row["records_processed"],
                row["batches"],
                row["failures"],
            ]
            for row in rows
        ],
    )
    for row in rows:
        if row["last_error"]:
            text = f"{row['source']} {row['kind']}: {_shortened(row['last_error'])}"
            out.print(text, style="red", markup=False, soft_wrap=True)
    out.print()
    table(
        "Calls to vendors this month",
        ["source", "spent", "per month", "left", "per minute"],
        [
            [row["source"], row["spent"], *(_limit(row[name]) for name in ("per_month", "left", "per_minute"))]
            for row in told["budgets"]
        ],
    )
    out.print()


def _show_rejected(told: dict[str, Any]) -> None:
    if told["quarantine"]:
        table(
            "Quarantine",
            ["table", "source", "rows", "newest partition", "its commonest reasons"],
            [[*list(row.values())[:4], _reasons(row["reasons"])] for row in told["quarantine"]],
        )
        out.print()
    for row in told["quarantined_files"]:
        out.print(f"{row['file']}: {_shortened(row['reason'])}", style="yellow", markup=False, soft_wrap=True)
    alone = told["unmapped"]
    if alone["coins"]:
        largest = ", ".join(f"{row['source']}:{row['source_asset_id']}" for row in alone["largest"])
        text = f"{alone['coins']:,} coins are joined to no other source, by market cap first {largest}."
        out.print(f"{text} `crypto-platform report unmapped` has all.\n", markup=False, soft_wrap=True)


def _show_tables(told: dict[str, Any]) -> None:
    table(
        "Tables in the warehouse",
        ["table", "source", "partitions", "rows", "newest partition", "last published"],
        [[*list(row.values())[:5], _minute(row["last_published"])] for row in told["tables"]],
    )
    out.print()
    for row in told["raw_to_derive"]:
        span = dict.fromkeys((row["partitions"][0], row["partitions"][-1]))
        text = f"Raw data of {row['source']} waits to become {row['table']}: {len(row['partitions']):,} partitions"
        out.print(f"{text}, {' to '.join(span)}.", soft_wrap=True)
    waiting = told["gold_to_refresh"]
    out.print("Gold is up to date." if not waiting else f"Gold waits to be refreshed for {', '.join(waiting)}.")


def _minute(moment: Any) -> str | None:
    return None if moment is None else f"{moment:%Y-%m-%d %H:%M}"


def _limit(calls: int | None) -> int | str:
    return "no limit" if calls is None else calls


def _reasons(reasons: dict[str, int]) -> str:
    return ", ".join(f"{reason} {rows:,}" for reason, rows in reasons.items())


def _shortened(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= _SHORT else f"{text[: _SHORT - 1]}…"
