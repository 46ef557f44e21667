"""Raw assets: what a vendor is asked, and when. They land batches; nothing is interpreted here."""

import hashlib
import uuid
from collections.abc import Callable, Sequence
from datetime import date, timedelta

import dagster as dg

from crypto_platform.evidence import history_coins
from crypto_platform.graph import Graph
from crypto_platform.lake.coins import land_coins
from crypto_platform.lake.history import land_history
from crypto_platform.lake.landed import Kind, Landed
from crypto_platform.lake.snapshots import land_snapshot
from crypto_platform.ledger import Question
from crypto_platform.sources.base import Source
from crypto_platform.sources.errors import Transient, UpstreamError
from crypto_platform.tables import CROSSWALK, RAW_COINS, RAW_HISTORY, RAW_SNAPSHOTS, Partition

_BATCHES = uuid.UUID("6a1f7c1e-3e0b-4d6e-9d0e-2f6b1c9a7e55")
_NAMED = "crypto/batch"
_COINS = "crypto/coins"
"""Run tags: the name of the batch, and the coins to ask for, separated by blanks, instead of the universe's."""
TRAILING = "crypto/trailing"
"""A run tag: this is the daily routine, which takes no more than its share of the month's budget."""
_ROUTINE_SHARE = 0.75
_HISTORY_RESUMED = timedelta(days=1)


def raw_snapshots(graph: Graph, source: str) -> dg.AssetsDefinition:
    """The vendor's market as it is now; only today's partition can be made."""

    def land(context: dg.AssetExecutionContext) -> Landed:
        platform = graph.platform
        today = _only_today(
            graph, context, "A live snapshot can only be taken now", "for past days backfill raw_history instead"
        )
        vendor = platform.source(source)
        return _landing(
            graph,
            context,
            _question(vendor, "snapshot", today, today),
            timedelta(minutes=platform.settings.resume_minutes),
            lambda batch: land_snapshot(
                platform.lake, vendor, platform.http(vendor), batch, today, platform.told(source)
            ),
        )

    return graph.declare(
        RAW_SNAPSHOTS, land, source=source, pool=source, about="Only today's partition can be materialised."
    )


def raw_coins(graph: Graph, source: str) -> dg.AssetsDefinition:
    """The vendor's list of coins as it is now; only today's partition can be made."""

    def land(context: dg.AssetExecutionContext) -> Landed:
        platform = graph.platform
        today = _only_today(graph, context, "A list of coins can only be asked for now", "leave past days as they are")
        vendor = platform.source(source)
        return _landing(
            graph,
            context,
            _question(vendor, "coins", today, today),
            timedelta(minutes=platform.settings.resume_minutes),
            lambda batch: land_coins(platform.lake, vendor, platform.http(vendor), batch, today, platform.told(source)),
        )

    return graph.declare(
        RAW_COINS, land, source=source, pool=source, about="Only today's partition can be materialised."
    )


def raw_history(graph: Graph, source: str) -> dg.AssetsDefinition:
    """The vendor's daily bars of the coins worth asking for; one call per coin for any range."""

    def land(context: dg.AssetExecutionContext) -> Landed:
        platform = graph.platform
        vendor = platform.source(source)
        today = platform.clock().date()
        days = _days_asked(context, vendor, today)
        named = context.run.tags.get(_COINS)
        coins = named.split() if named else history_coins(platform, source)
        if TRAILING in context.run.tags:
            affordable = _affordable(graph, vendor, today)
            if affordable == 0:
                raise dg.Failure(
                    f"What is left of the month's budget of {source} is kept for snapshots; "
                    f"its history is asked for again next month, or raise CRYPTO_{source.upper()}_PER_MONTH.",
                    allow_retries=False,
                )
            if affordable is not None and affordable < len(coins):
                context.log.warning(f"The month's budget of {source} bears {affordable} of {len(coins)} coins today.")
                # Another stretch every day, so that each coin has its turn.
                start = today.toordinal() * affordable % len(coins)
                coins = (coins[start:] + coins[:start])[:affordable]
        if not coins:
            raise dg.Failure(
                f"No coin is known whose history {source} could be asked for; "
                f"materialise raw_coins/{source} and crosswalk first, or name the coins.",
                allow_retries=False,
            )
        landed = _landing(
            graph,
            context,
            _question(vendor, "history", *days, coins),
            _HISTORY_RESUMED,
            lambda batch: land_history(
                platform.lake, vendor, platform.http(vendor), batch, today, coins, days, platform.told(source)
            ),
        )
        if landed.unknown:
            context.log.warning(f"{source} does not know {', '.join(landed.unknown)}")
        return landed

    return graph.declare(
        RAW_HISTORY,
        land,
        source=source,
        pool=source,
        deps=[graph.key(CROSSWALK)],
        about="Asks once per coin for the whole range.",
    )


def _affordable(graph: Graph, vendor: Source, today: date) -> int | None:
    """How many requests a day's routine may make, so that the month's budget lasts for snapshots and people too."""
    left = graph.platform.budgets.left(vendor.name, vendor.budget.per_month)
    if left is None:
        return None
    month_ends = (today.replace(day=1) + timedelta(days=31)).replace(day=1)
    # In whole tens: the calls of a batch that failed would else change what the next try asks for.
    return int(left * _ROUTINE_SHARE / (month_ends - today).days) // 10 * 10


def _only_today(graph: Graph, context: dg.AssetExecutionContext, sentence: str, advice: str) -> date:
    today = graph.platform.clock().date()
    asked = [date.fromisoformat(key) for key in context.partition_keys]
    if asked != [today]:
        days = " to ".join(dict.fromkeys(day.isoformat() for day in (min(asked), max(asked))))
        raise dg.Failure(
            f"{sentence}, for {today}, not for {days}; {advice}, and replay bronze_markets for days that were landed.",
            allow_retries=False,
        )
    return today


def _days_asked(context: dg.AssetExecutionContext, vendor: Source, today: date) -> tuple[date, date]:
    """The days of the run's months, as far as the plan serves them; where it serves none, no call is spent."""
    months = [Partition(key) for key in context.partition_keys]
    first = min(month.first_day for month in months if month.first_day)
    last = max(month.end_day for month in months if month.end_day) - timedelta(days=1)
    earliest = vendor.first_day(today)
    if earliest and last < earliest:
        raise dg.Failure(
            f"{vendor.name}'s plan serves history from {earliest} on, and {first} to {last} lies before; "
            "nothing was asked. Ask another source, or set the plan that reaches further.",
            allow_retries=False,
        )
    return vendor.span(max(first, earliest or first), last, today)


def _question(vendor: Source, kind: Kind, first: date, last: date, coins: Sequence[str] = ()) -> Question:
    digest = hashlib.sha256(repr((vendor, kind, first, last, list(coins))).encode()).hexdigest()[:8]
    return Question(vendor.name, kind, first, last, digest)


def _landing(
    graph: Graph,
    context: dg.AssetExecutionContext,
    question: Question,
    resumed_within: timedelta,
    land: Callable[[str], Landed],
) -> Landed:
    """One batch, in the ledger. A vendor's failure is the run's: the client has retried, so Dagster does not."""
    ledger = graph.platform.ledger
    named = context.run.tags.get(_NAMED)
    batch = (
        batch_id_for(named) if named else ledger.to_resume(question, resumed_within) or _new_batch_id(context, question)
    )
    try:
        return ledger.keep(question, batch, lambda: land(batch))
    except UpstreamError as error:
        advice = "Nothing was landed; what came is kept."
        if isinstance(error, Transient):
            advice += " Try again when the vendor answers as it should."
        raise dg.Failure(f"{error} {advice}", allow_retries=False) from error


def batch_id_for(name: str) -> str:
    """The id of the batch that goes by a name; the same name is the same batch, which is taken once."""
    return str(uuid.uuid5(_BATCHES, name))


def _new_batch_id(context: dg.AssetExecutionContext, question: Question) -> str:
    """Ids sort by when their run was made, which tells two batches apart whose answers bear the same time."""
    run = context.run
    made = context.instance.get_run_record_by_id(run.run_id)
    milliseconds = int(made.create_timestamp.timestamp() * 1000) if made else 0
    name = uuid.UUID(batch_id_for(f"{run.run_id}/{context.asset_key.to_user_string()}/{context.partition_keys[0]}"))
    ending = name.int & ((1 << 76) - 1) & ~0xFFFFFFFF | int(question.digest, 16)
    return str(uuid.UUID(int=milliseconds << 80 | 0x7 << 76 | ending))
