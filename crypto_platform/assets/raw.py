"""Raw assets: what a vendor is asked, and when. They land batches; nothing is interpreted here."""

import uuid
from collections.abc import Callable
from datetime import date

import dagster as dg

from crypto_platform.graph import Graph
from crypto_platform.identity import history_universe
from crypto_platform.lake.landing import Landed, land_history, land_snapshot
from crypto_platform.sources.errors import UpstreamError
from crypto_platform.tables import RAW_HISTORY, RAW_SNAPSHOTS, Partition

_BATCHES = uuid.UUID("6a1f7c1e-3e0b-4d6e-9d0e-2f6b1c9a7e55")


def raw_snapshots(graph: Graph, source: str) -> dg.AssetsDefinition:
    """The vendor's market as it is now; only today's partition can be made."""

    def land(context: dg.AssetExecutionContext) -> Landed:
        platform = graph.platform
        today = platform.clock().date()
        asked = [date.fromisoformat(key) for key in context.partition_keys]
        if asked != [today]:
            days = " to ".join(dict.fromkeys(day.isoformat() for day in (min(asked), max(asked))))
            raise dg.Failure(
                f"A live snapshot can only be taken now, for {today}, not for {days}; "
                "for past days backfill raw_history instead, and replay bronze_markets for days that were landed.",
                allow_retries=False,
            )
        vendor = platform.source(source)
        return _landing(
            lambda: land_snapshot(
                platform.lake, vendor, platform.http(vendor), _batch_id(context), today, platform.progress
            )
        )

    return graph.declare(
        RAW_SNAPSHOTS, land, source=source, pool=source, about="Only today's partition can be materialised."
    )


def raw_history(graph: Graph, source: str) -> dg.AssetsDefinition:
    """The vendor's daily bars of every coin that evidence maps to it; one call per coin for any range."""

    def land(context: dg.AssetExecutionContext) -> Landed:
        platform = graph.platform
        vendor = platform.source(source)
        settings = platform.settings
        coins = history_universe(source, settings.crosswalk_file, settings.yahoo_top)
        months = [Partition(key) for key in context.partition_keys]
        landed = _landing(
            lambda: land_history(
                platform.lake,
                vendor,
                platform.http(vendor),
                _batch_id(context),
                platform.clock().date(),
                coins,
                months,
                platform.progress,
            )
        )
        if landed.unknown:
            context.log.warning(f"{source} does not know {', '.join(landed.unknown)}")
        return landed

    return graph.declare(RAW_HISTORY, land, source=source, pool=source, about="Asks once per coin for the whole range.")


def _landing(land: Callable[[], Landed]) -> Landed:
    """The vendor's failures as Dagster's: the client has retried already, so the run does not."""
    try:
        return land()
    except UpstreamError as error:
        advice = "Nothing was landed; what came is kept. Try again when the vendor answers as it should."
        raise dg.Failure(f"{error} {advice}", allow_retries=False) from error


def batch_id_for(name: str) -> str:
    """The id of the batch that goes by a name; the same name is the same batch."""
    return str(uuid.uuid5(_BATCHES, name))


def _batch_id(context: dg.AssetExecutionContext) -> str:
    """The same for every try of one run, so that a retry goes on where the last try stopped.

    Ids sort by when their run was made, which tells two batches apart whose answers bear the same time. A run may
    name its batch by the tag `crypto/batch`; a batch that has landed is not taken again.
    """
    run = context.run
    if named := run.tags.get("crypto/batch"):
        return batch_id_for(named)
    root = run.root_run_id or run.run_id
    made = context.instance.get_run_record_by_id(root)
    milliseconds = int(made.create_timestamp.timestamp() * 1000) if made else 0
    name = batch_id_for(f"{root}/{context.asset_key.to_user_string()}/{context.partition_keys[0]}")
    return str(uuid.UUID(int=milliseconds << 80 | 0x7 << 76 | uuid.UUID(name).int & ((1 << 76) - 1)))
