"""A backfill of history: whom to ask for which coins, shown and agreed to; then the vendors asked, all at once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from crypto_platform.cli.console import agree, bars, out, table
from crypto_platform.clock import system_clock
from crypto_platform.evidence import history_coins
from crypto_platform.planner import Coins, Part, Plan, PlanError, Wanted, plan_of, reaches, refuse_overspending
from crypto_platform.sources import SOURCES
from crypto_platform.tables import CROSSWALK, FROM_HISTORY, HISTORIC_PRICES, RAW_HISTORY, Partition, Table

if TYPE_CHECKING:
    from crypto_platform.platform import Platform
    from crypto_platform.runner import Runner
    from crypto_platform.settings import World
    from crypto_platform.sources.base import Source

_LONGEST_TAG = 2_000
"""What Dagster's index over the tags of runs still takes, with some room."""


@dataclass(frozen=True)
class Asked:
    """What was made of a table."""

    table: Table
    source: str | None
    partitions: tuple[Partition, ...]


def backfill_history(
    runner: Runner, names: Sequence[str], wanted: Wanted, named: Sequence[str], *, yes: bool, as_json: bool
) -> dict[str, Any]:
    """Plan, ask whether to go on, and ask the vendors; what was planned, what landed and who failed."""
    platform = runner.platform
    sources = [platform.source(name) for name in names]
    reached, skipped = reaches(wanted, sources, platform.clock().date())
    if not platform.lake.slice(CROSSWALK).objects:
        runner.run([(CROSSWALK, None)])
    coins = _coins_named(platform, reached, named) if named else _universe(platform, reached)
    plan = plan_of(sources, reached, skipped, coins, partial(_left, platform), platform.settings.request_delay)
    if not as_json:
        _show(plan, platform.world)
    refuse_overspending(plan, system_clock().date())
    agree("Go on?", yes=yes)

    partitions = {part.source: runner.calendar.between(HISTORIC_PRICES, part.first, part.last) for part in plan.parts}
    tags = {part.source: {"crypto/coins": " ".join(part.coins)} if named else {} for part in plan.parts}
    with bars({part.source: f"History of {part.source}" for part in plan.parts}, quiet=as_json) as told:
        platform.progress = told
        failed = runner.together(
            {
                part.source: partial(
                    runner.run,
                    [(each, part.source) for each in (RAW_HISTORY, *FROM_HISTORY)],
                    partitions[part.source],
                    tags[part.source],
                )
                for part in plan.parts
            }
        )
    done = [part for part in plan.parts if part.source not in failed]
    return {
        "plan": _as_json(plan),
        "landed": [_landed(platform, part) for part in done],
        "failed": {name: str(error) for name, error in failed.items()},
        "made": [
            Asked(each, part.source, tuple(partitions[part.source]))
            for part in done
            for each in (RAW_HISTORY, *FROM_HISTORY)
        ],
    }


def _left(platform: Platform, source: Source) -> int | None:
    return platform.budgets.left(source.name, source.budget.per_month)


def _universe(platform: Platform, sources: Iterable[str]) -> dict[str, Coins]:
    return {source: Coins(tuple(history_coins(platform, source))) for source in sources}


def _coins_named(platform: Platform, sources: Iterable[str], named: Sequence[str]) -> dict[str, Coins]:
    """The ids that the names stand for, by source; an id that nothing lists may still be one the vendor knows."""
    names = list(dict.fromkeys(named))
    known = _known(platform, names)
    for name in names:
        source, _, coin = name.partition(":")
        if name not in known and coin and source in SOURCES and not SOURCES[source].from_files:
            known[name] = {source: [coin]}
    strangers = [name for name in names if name not in known]
    if strangers:
        raise PlanError(
            f"Nobody knows a coin {' or '.join(map(repr, strangers))}. Name it by its asset id, like bitcoin, or by a "
            "vendor's own, like yahoo:BTC-USD; `crypto-platform query 'from crosswalk'` has all known ids, and "
            "`crypto-platform report unmapped` the largest coins that have no asset id."
        )
    found = {}
    for source in sources:
        ids = dict.fromkeys(coin for name in names for coin in known[name].get(source, ()))
        strange = [name for name in names if source not in known[name]]
        if ids:  # nobody expects it to know another's id
            strange = [name for name in strange if ":" not in name]
        _refuse_unaskable(source, ids)
        found[source] = Coins(tuple(ids), tuple(strange))
    return found


def _known(platform: Platform, names: Sequence[str]) -> dict[str, dict[str, list[str]]]:
    """By name and source, the ids that the crosswalk has for the coin, those that ended among them."""
    from crypto_platform.engine import Query

    query = Query("coins_named", crosswalk=platform.lake.slice(CROSSWALK), names=pa.table({"name": list(names)}))
    known: dict[str, dict[str, list[str]]] = {}
    for row in platform.engine.read(query).to_pylist():
        known.setdefault(row["name"], {}).setdefault(row["source"], []).append(row["source_asset_id"])
    return known


def _refuse_unaskable(source: str, ids: Iterable[str]) -> None:
    """A run is told of its coins in a tag, separated by blanks."""
    for coin in ids:
        if not coin or any(sign.isspace() for sign in coin):
            raise PlanError(f"{coin!r} is no id that {source} could be asked for; ids have no blanks.")
    if len(" ".join(ids)) > _LONGEST_TAG:
        raise PlanError("These are more coins than one run can be told of; name them in several backfills.")


def _landed(platform: Platform, part: Part) -> dict[str, Any]:
    """What the batch brought that a part became, and which of its coins it brought nothing for."""
    from crypto_platform.warehouse.batches import batches

    with platform.warehouse.connect() as connection:
        landed = [each for each in batches(connection, part.source, "history", limit=20) if each.finished_at]
        # One that was gone on with is as old as its first try, so the last to end is not always the newest.
        batch = max(landed, key=lambda each: str(each.finished_at))
    given: set[str] = set()
    for key in platform.lake.slice(RAW_HISTORY, part.source).objects:
        if key.endswith(f"/{batch.batch_id}.parquet"):
            with platform.lake.open_parquet(key) as file:
                given.update(file.read(columns=["source_asset_id"]).column(0).unique().to_pylist())
    return {
        "source": part.source,
        "batch_id": batch.batch_id,
        "answers": batch.pages,
        "rows": batch.rows,
        "seconds": batch.seconds,
        "gave_nothing": [coin for coin in part.coins if coin not in given],
    }


def _as_json(plan: Plan) -> dict[str, Any]:
    return {
        "sources": [{**asdict(part), "calls": part.calls, "share_pct": part.share_pct} for part in plan.parts],
        "skipped": [asdict(each) for each in plan.skipped],
    }


def _show(plan: Plan, world: World) -> None:
    columns = ["source", "coins", "first day", "last day", "calls", "minutes", "calls left", "% of the month's"]
    rows = [
        [
            part.source,
            len(part.coins),
            part.first,
            part.last,
            part.calls,
            part.minutes,
            "unlimited" if part.left is None else part.left,
            part.share_pct,
        ]
        for part in plan.parts
    ]
    table(f"Plan, on {'the simulated market' if world == 'sandbox' else 'the live vendors'}", columns, rows)
    _say((part.source, remark) for part in plan.parts for remark in part.remarks)
    _say((each.source, f"not asked, {each.reason}") for each in plan.skipped)
    out.print()


def _say(remarks: Iterable[tuple[str, str]]) -> None:
    for source, remark in remarks:
        out.print(f"{source}: {remark}", style="yellow", markup=False, soft_wrap=True)
