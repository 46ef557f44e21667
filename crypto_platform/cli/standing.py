"""Where the platform stands: what was asked of whom and how it went, what each table holds, and what waits."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from crypto_platform.cli.report import end_gone_batches, unmapped
from crypto_platform.lake.drop import files_known
from crypto_platform.sources import SOURCES, having
from crypto_platform.tables import (
    BRONZE_MARKETS,
    FILE_QUARANTINE,
    HISTORIC_PRICES,
    HISTORIC_QUARANTINE,
    QUARANTINE,
    Partition,
    Table,
)

if TYPE_CHECKING:
    from crypto_platform.platform import Platform
    from crypto_platform.warehouse import Connection

Rows = list[dict[str, Any]]

_FEW = 5
_TOP_REASONS = 3
_NEVER = (
    "status", "batch_id", "started_at", "finished_at", "seconds", "pages", "records_processed",
    "last_success_at", "last_failure_at", "last_error",
)  # fmt: skip


def standing(platform: Platform) -> dict[str, Any]:
    """All of it, as plain values."""
    end_gone_batches(platform)
    alone = unmapped(platform)
    with platform.warehouse.connect() as connection:
        return {
            "world": platform.world,
            "home": str(platform.home),
            "lake": platform.settings.lake_root,
            "sources": _sources(connection),
            "budgets": _budgets(platform),
            "tables": _tables(connection),
            "quarantine": _quarantine(connection),
            "quarantined_files": [
                {name: row[name] for name in ("file", "reason", "read_at")}
                for row in files_known(platform.lake)
                if row["status"] == "quarantined"
            ],
            "unmapped": {"coins": len(alone), "largest": alone[:_FEW]},
            "raw_to_derive": _raw_to_derive(platform, connection),
            "gold_to_refresh": _gold_to_refresh(connection),
        }


def _sources(connection: Connection) -> Rows:
    """Every source with each kind of batch; those that were never asked at the end."""
    from crypto_platform.warehouse.batches import checkpoints

    rows = [asdict(checkpoint) for checkpoint in checkpoints(connection)]
    begun = {row["source"] for row in rows}
    nothing = dict.fromkeys(_NEVER) | {"batches": 0, "failures": 0}
    return rows + [{"source": name, "kind": None, **nothing} for name in SOURCES if name not in begun]


def _budgets(platform: Platform) -> Rows:
    spent = {each.source: each.calls for each in platform.budgets.all()}
    rows = []
    for name, source in SOURCES.items():
        if source.from_files:
            continue
        budget, calls = platform.source(name).budget, spent.get(name, 0)
        left = None if budget.per_month is None else max(0, budget.per_month - calls)
        rows.append(
            {
                "source": name,
                "spent": calls,
                "per_month": budget.per_month,
                "left": left,
                "per_minute": budget.per_minute,
            }
        )
    return rows


def _tables(connection: Connection) -> Rows:
    rows = connection.execute(
        """
        select table_name, nullif(source, ''), count(*), sum(rows)::bigint, max(partition), max(published_at)
        from ops.publications
        group by 1, 2
        order by 1, 2
        """
    ).fetchall()
    names = ("table", "source", "partitions", "rows", "newest_partition", "last_published")
    return [dict(zip(names, row, strict=True)) for row in rows]


def _quarantine(connection: Connection) -> Rows:
    """By table and source, how much was rejected, and why in the newest partition that has any."""
    rows = []
    for table in (QUARANTINE, HISTORIC_QUARANTINE, FILE_QUARANTINE):
        held = connection.execute(
            """
            select source, sum(rows)::bigint, max(partition)
            from ops.publications
            where table_name = %s and rows > 0
            group by source
            order by source
            """,
            (table.name,),
        ).fetchall()
        for source, count, newest in held:
            rows.append(
                {
                    "table": table.name,
                    "source": source or None,
                    "rows": count,
                    "newest_partition": newest,
                    "reasons": _reasons(connection, table, source, Partition(newest)),
                }
            )
    return rows


def _reasons(connection: Connection, table: Table, source: str, partition: Partition) -> dict[str, int]:
    """The commonest kinds of reasons of a partition, with the rows that have them."""
    ((_, rejected_from),) = table.owned
    rows = connection.execute(
        """
        select split_part(reason, ':', 1), count(*)
        from ops.quarantine, unnest(reasons) as reason
        where
            table_name = %(table)s
            and (%(source)s = '' or source = %(source)s)
            and snapshot_date >= coalesce(%(first)s::date, '-infinity')
            and snapshot_date < coalesce(%(end)s::date, 'infinity')
        group by 1
        order by 2 desc, 1
        limit %(limit)s
        """,
        {
            "table": rejected_from,
            "source": source,
            "first": partition.first_day,
            "end": partition.end_day,
            "limit": _TOP_REASONS,
        },
    ).fetchall()
    return dict(rows)


def _raw_to_derive(platform: Platform, connection: Connection) -> Rows:
    """The partitions that have raw objects they were not made of."""
    from crypto_platform.projection import outdated

    rows = []
    for table, sources in ((BRONZE_MARKETS, having("snapshots")), (HISTORIC_PRICES, having("history"))):
        for source in sources:
            late = sorted(outdated(platform.lake, connection, table, source))
            if late:
                rows.append({"table": table.name, "source": source, "partitions": late})
    return rows


def _gold_to_refresh(connection: Connection) -> list[str]:
    from crypto_platform.projection import months_to_refresh

    return months_to_refresh(connection)
