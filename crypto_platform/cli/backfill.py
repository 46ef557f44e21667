"""`backfill`: the days of a table from one to another, asked for where they are history, else made of what is there."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import click

from crypto_platform.cli.console import bars, fail, out, print_json, sentences, table
from crypto_platform.cli.history import Asked, backfill_history
from crypto_platform.cli.pipeline import chosen, rows_in
from crypto_platform.cli.session import open_runner
from crypto_platform.clock import system_clock
from crypto_platform.planner import Wanted
from crypto_platform.runner import RunFailedError
from crypto_platform.sources import having, source_named
from crypto_platform.tables import (
    ASSETS,
    CROSSWALK,
    FROM_HISTORY,
    RAW_COINS,
    RAW_HISTORY,
    RAW_SNAPSHOTS,
    UNIFIED_PRICES,
    Grain,
    Partition,
    Table,
    table_named,
)

if TYPE_CHECKING:
    from crypto_platform.runner import Runner

_HISTORY = (RAW_HISTORY, *FROM_HISTORY)
_NOW = Partition("now")
_FEW = 20


def _day(_context: click.Context, _parameter: click.Parameter, value: str) -> Partition:
    """A day or a month, as the partition of that name."""
    day = f"{value}-01" if len(value) == 7 else value
    try:
        if date.fromisoformat(day).isoformat() == day:
            return Partition(value)
    except ValueError:
        pass
    raise click.BadParameter(f"{value!r} is no day; write it as YYYY-MM-DD or YYYY-MM.")


def _day_or_now(context: click.Context, parameter: click.Parameter, value: str) -> Partition:
    return _NOW if value == _NOW.key else _day(context, parameter, value)


@click.command()
@click.argument("table_name", metavar="TABLE")
@click.option("--source", help="Only this source; by default all that have the table.")
@click.option(
    "--coin",
    "coins",
    multiple=True,
    help="Only this coin's history: an asset id like `bitcoin`, or a vendor's own like `yahoo:BTC-USD`; repeatable.",
)
@click.option(
    "--from",
    "first",
    callback=_day,
    metavar="DAY",
    required=True,
    help="First day (UTC): YYYY-MM-DD, or YYYY-MM for the month's first.",
)
@click.option(
    "--to",
    "last",
    callback=_day_or_now,
    metavar="DAY",
    required=True,
    help="Last day (UTC): YYYY-MM-DD, YYYY-MM for the month's last, or `now`.",
)
@click.option("--yes", is_flag=True, help="Ask the vendors without asking back first.")
@click.option("--json", "as_json", is_flag=True, help="Print the plan and the result as JSON; needs --yes for history.")
@sentences
def backfill(
    table_name: str,
    source: str | None,
    coins: tuple[str, ...],
    first: Partition,
    last: Partition,
    yes: bool,
    as_json: bool,
) -> None:
    """Materialise TABLE from one day to another, in one run for each source.

    Naming raw_history, historic_prices or historic_quarantine asks the vendors. It begins with a plan: which vendor is
    asked for which coins and days, how many calls that takes of the month's budget and how long, and who is left out
    and why. Then the vendors are asked all at once, and one that fails holds up no other. Whole months are asked for;
    what comes is added to what is there, and nothing is deleted. An interrupted backfill goes on where it stopped.

    Every other table is made again of what the lake holds.

    \b
    crypto-platform backfill historic_prices --from 2025-01 --to now
    crypto-platform backfill historic_prices --coin bitcoin --source yahoo --from 2014-01 --to 2014-12 --yes
    crypto-platform backfill silver_daily_metrics --from 2026-11-01 --to now
    """
    wanted = table_named(table_name)
    _refuse_what_cannot_be_made(wanted)
    asks = wanted in _HISTORY
    if coins and not asks:
        fail(f"{table_name} is made for all coins at once; leave out --coin, or backfill raw_history.")
    if source:
        source_named(source)
    # Making anything of all sources looks at the clock, which in the simulated world is the market's.
    with open_runner(vendors=asks or not wanted.per_source) as runner:
        today = (runner.platform.clock if asks else system_clock)().date()
        days = _days(runner, wanted, first, last, today)
        if asks:
            names = chosen(source, "history")
            told = backfill_history(runner, names, Wanted(*days, source), coins, yes=yes, as_json=as_json)
        else:
            told = _derive(runner, wanted, source, *days, as_json=as_json)
        told |= _in_the_lake(runner, told.pop("made"))
    if as_json:
        print_json(told)
    else:
        _show(told)
    if told["failed"]:
        fail(" ".join(f"{name} failed: {error}" for name, error in told["failed"].items()))


def _refuse_what_cannot_be_made(wanted: Table) -> None:
    if wanted.grain is Grain.NONE:
        fail(f"{wanted.name} has no partitions to backfill.")
    if wanted is RAW_SNAPSHOTS:
        fail(
            "A live snapshot can only be taken now: use `crypto-platform snapshot`; for past days backfill raw_history."
        )
    if wanted is RAW_COINS:
        fail("A list of coins can only be asked for now; `crypto-platform up` asks for one every day.")


def _days(runner: Runner, wanted: Table, first: Partition, last: Partition, today: date) -> tuple[date, date]:
    """The days that were said, all of them days that the table has partitions for."""
    low = first.first_day or today
    high = today if last == _NOW else (last.end_day or today) - timedelta(days=1)
    if last.key == today.isoformat()[:7]:
        high = today  # the month's last day so far
    if low > high:
        fail(f"--from {low} is after --to {high}; swap them.")
    definition = runner.calendar.of(wanted)
    keys = definition.get_partition_keys() if definition else []
    if wanted.grain.key_of(low) < keys[0] or wanted.grain.key_of(high) > keys[-1]:
        fail(
            f"{wanted.name} has partitions from {keys[0]} to {keys[-1]}, and {low} to {high} reaches outside; "
            "choose days within, or set CRYPTO_HISTORY_START or CRYPTO_SNAPSHOT_START."
        )
    return low, high


def _derive(
    runner: Runner, wanted: Table, source: str | None, first: date, last: date, *, as_json: bool
) -> dict[str, Any]:
    """Make a table again of what the lake holds, source by source; one that fails holds up no other."""
    partitions = runner.calendar.between(wanted, first, last)
    names: list[str | None] = [None]
    if wanted.per_source:
        names = [*having("snapshots")]
        if source and source not in names:
            fail(f"{source} has no {wanted.name}; these have: {', '.join(map(str, names))}.")
        names = [source] if source else names
    elif source:
        fail(f"{wanted.name} is made of all sources together; leave out --source.")
    else:
        runner.run([(CROSSWALK, None)])
    failed = {}
    with bars({name or "": f"{wanted.name} {name or ''}".strip() for name in names}, quiet=as_json) as told:
        for name in names:
            try:
                runner.run([(wanted, name)], partitions)
            except RunFailedError as error:
                failed[name or wanted.name] = str(error)
            told[name or ""](len(partitions), len(partitions))
    if wanted is UNIFIED_PRICES and not failed:
        runner.run([(ASSETS, None)])
    made = [Asked(wanted, name, tuple(partitions)) for name in names if (name or wanted.name) not in failed]
    return {"made": made, "failed": failed}


def _in_the_lake(runner: Runner, made: Sequence[Asked]) -> dict[str, Any]:
    rows = [
        {
            "table": each.table.name,
            "source": each.source,
            "partitions": len(each.partitions),
            "rows": sum(rows_in(runner, each.table, each.source, partition) for partition in each.partitions),
        }
        for each in made
    ]
    checks = runner.checks
    return {
        "tables": rows,
        "checks": {"passed": checks.passed, "warned": checks.warned, "failed": checks.failed},
    }


def _show(told: dict[str, Any]) -> None:
    for each in told.get("landed", ()):
        if each["gave_nothing"]:
            out.print(f"{each['source']} gave nothing for {_few(each['gave_nothing'])}.", style="yellow", markup=False)
    if told.get("landed"):
        shown = ("source", "answers", "rows", "seconds", "batch_id")
        table("Landed", list(shown), [[each[name] for name in shown] for each in told["landed"]])
        out.print()
    if told["tables"]:
        table(
            "In the lake now", ["table", "source", "partitions", "rows"], [list(row.values()) for row in told["tables"]]
        )
    checks = told["checks"]
    out.print(f"Checks: {checks['passed']} passed, {checks['warned']} warned, {checks['failed']} failed")


def _few(names: Sequence[str]) -> str:
    more = f" and {len(names) - _FEW:,} more" if len(names) > _FEW else ""
    return f"{', '.join(names[:_FEW])}{more}"
