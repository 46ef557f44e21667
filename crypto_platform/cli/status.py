"""`status`: what was landed last, what each table holds, and what waits to be done."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from crypto_platform.cli.console import out, print_json, sentences, table
from crypto_platform.cli.session import open_platform, require_stores
from crypto_platform.sources import having
from crypto_platform.tables import RAW_HISTORY, RAW_SNAPSHOTS, Table

if TYPE_CHECKING:
    from crypto_platform.platform import Platform


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
@sentences
def status(as_json: bool) -> None:
    """Sources and their last landed batch, tables and their rows, and gold that waits to be refreshed."""
    with open_platform() as platform:
        require_stores(platform.settings)
        told = _status(platform)
    if as_json:
        print_json(told)
        return
    out.print(f"[bold]{told['world']}[/] data in {told['home']}, lake {told['lake']}\n")
    table(
        "Sources",
        ["source", "kind", "partitions", "batches", "newest partition", "last fetched"],
        [list(row.values()) for row in told["sources"]],
    )
    out.print()
    table(
        "Tables in the warehouse",
        ["table", "source", "partitions", "rows", "newest partition", "last published"],
        [list(row.values()) for row in told["tables"]],
    )
    waiting = told["gold_to_refresh"]
    out.print("\nGold is up to date." if not waiting else f"\nGold waits to be refreshed for {', '.join(waiting)}.")


def _status(platform: Platform) -> dict[str, Any]:
    from crypto_platform.projection import months_to_refresh

    sources = [_landed(platform, RAW_SNAPSHOTS, source) for source in having("snapshots")]
    sources += [_landed(platform, RAW_HISTORY, source) for source in having("history")]
    with platform.warehouse.connect() as connection:
        rows = connection.execute(
            """
            select table_name, nullif(source, ''), count(*), sum(rows)::bigint, max(partition),
                   to_char(max(published_at), 'YYYY-MM-DD HH24:MI:SS')
            from ops.publications group by 1, 2 order by 1, 2
            """
        ).fetchall()
        waiting = months_to_refresh(connection)
    names = ("table", "source", "partitions", "rows", "newest_partition", "last_published")
    return {
        "world": platform.world,
        "home": str(platform.home),
        "lake": platform.settings.lake_root,
        "sources": sources,
        "tables": [dict(zip(names, row, strict=True)) for row in rows],
        "gold_to_refresh": waiting,
    }


def _landed(platform: Platform, raw: Table, source: str) -> dict[str, Any]:
    """What of a source was landed, read from the lake itself."""
    partitions = platform.lake.partitions(raw, source)
    objects = platform.lake.slice(raw, source, partitions).objects
    fetched = None
    if partitions:
        newest = platform.lake.slice(raw, source, partitions[-1:])
        with platform.engine.ask(
            "select strftime(max(fetched_at), '%Y-%m-%d %H:%M:%S') as at from newest",
            {"newest": newest},
            platform.lake.store.uri(""),
        ) as batches:
            fetched = batches.read_all().column("at").to_pylist()[0]
    return {
        "source": source,
        "kind": "snapshots" if raw is RAW_SNAPSHOTS else "history",
        "partitions": len(partitions),
        "batches": len({key.rsplit("/", 1)[-1] for key in objects}),
        "newest_partition": partitions[-1].key if partitions else None,
        "last_fetched": fetched,
    }
