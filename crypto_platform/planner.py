"""What a backfill of history would ask of every vendor: for which days, how often, and how long that takes.

Nothing is asked here, and nothing is looked up: whoever plans brings the coins and what is left of the budgets.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from crypto_platform.sources.base import Source
from crypto_platform.warehouse.budgets import pace

_ONE_DAY = timedelta(days=1)


class PlanError(Exception):
    """The backfill cannot be done as it was wanted; the sentence says why and what can be done instead."""


@dataclass(frozen=True)
class Wanted:
    """The days somebody wants history of, both included; of one source, where they name it."""

    first: date
    last: date
    source: str | None = None


@dataclass(frozen=True)
class Reach:
    """The days of what is wanted that a source's plan can serve, as whole months and as its answers bring them."""

    first: date
    last: date
    serves_from: date | None = None
    """Where the plan serves only the tail of what is wanted: its first day."""


@dataclass(frozen=True)
class Coins:
    """The ids to ask a source for; of named coins, also those that it does not know."""

    ids: tuple[str, ...]
    unknown: tuple[str, ...] = ()


@dataclass(frozen=True)
class Part:
    """What one source is asked: one call for each coin, whatever the days."""

    source: str
    coins: tuple[str, ...]
    first: date
    last: date
    minutes: float
    left: int | None
    """Calls that the source may still be asked this month; None where nobody counts them."""
    per_month: int | None
    remarks: tuple[str, ...] = ()

    @property
    def calls(self) -> int:
        return len(self.coins)

    @property
    def share_pct(self) -> float | None:
        """The calls in percent of the month's budget."""
        return round(100 * self.calls / self.per_month, 2) if self.per_month else None


@dataclass(frozen=True)
class Skipped:
    """A source that is asked nothing, and why."""

    source: str
    reason: str


@dataclass(frozen=True)
class Plan:
    """What a backfill asks, source by source."""

    parts: tuple[Part, ...]
    skipped: tuple[Skipped, ...] = ()


def reaches(wanted: Wanted, sources: Sequence[Source], today: date) -> tuple[dict[str, Reach], list[Skipped]]:
    """What of the wanted days each source's plan serves. It raises where that is nothing of what somebody named."""
    found: dict[str, Reach] = {}
    skipped = []
    for source in sources:
        reach = _reach(wanted, source, today)
        if reach:
            found[source.name] = reach
        else:
            skipped.append(Skipped(source.name, f"its plan serves history from {source.first_day(today)} on"))
    if not found:
        raise PlanError(
            f"Nobody can be asked for {wanted.first} to {wanted.last}: {_told(skipped)}. "
            "Choose later days, another source, or set a plan that reaches further."
        )
    return found, skipped


def _reach(wanted: Wanted, source: Source, today: date) -> Reach | None:
    """History is asked by whole months, as far as the plan serves them."""
    last = min(_month_end(wanted.last), today)
    earliest = source.first_day(today)
    if earliest and (wanted.last < earliest or last < earliest):
        return None
    first = max(wanted.first.replace(day=1), earliest or date.min)
    brought, _ = source.span(first, _month_end(wanted.last), today)
    if brought > first:  # more than one answer holds, so the months that fit whole
        first = brought if brought.day == 1 else _month_end(brought) + _ONE_DAY
    elif brought < first:
        first = max(brought.replace(day=1), earliest or date.min)
    return Reach(first, last, first if first > wanted.first else None)


def plan_of(
    sources: Sequence[Source],
    reached: Mapping[str, Reach],
    skipped: Sequence[Skipped],
    coins: Mapping[str, Coins],
    left: Callable[[Source], int | None],
    request_delay: float,
) -> Plan:
    """The parts of those sources that can serve days and know coins, the others skipped; it raises where none can."""
    parts: list[Part] = []
    skipped = list(skipped)
    for source in sources:
        reach, known = reached.get(source.name), coins.get(source.name, Coins(()))
        if reach is None:
            continue
        if not known.ids:
            skipped.append(Skipped(source.name, _knows_none(known)))
            continue
        budget = source.budget
        parts.append(
            Part(
                source.name,
                known.ids,
                reach.first,
                reach.last,
                round(_seconds(len(known.ids), budget.per_minute, request_delay) / 60, 1),
                left(source),
                budget.per_month,
                _remarks(reach, known),
            )
        )
    if not parts:
        raise PlanError(
            f"Nobody can be asked: {_told(skipped)}. "
            "The crosswalk says which vendors know a coin, and by what id: `crypto-platform query 'from crosswalk'`."
        )
    return Plan(tuple(parts), tuple(skipped))


def refuse_overspending(plan: Plan, today: date) -> None:
    """Raise if a source would have to be asked more often than it may be until its month is over."""
    for part in plan.parts:
        if part.left is not None and part.calls > part.left:
            raise PlanError(
                f"{part.source} would be asked {part.calls:,} times, and of its {part.per_month or 0:,} calls a month "
                f"{part.left:,} are left; they start anew on {_month_end(today) + _ONE_DAY}. Nothing was asked; "
                "name fewer coins with --coin, other vendors with --source, or raise "
                f"CRYPTO_{part.source.upper()}_PER_MONTH."
            )


def _remarks(reach: Reach, known: Coins) -> tuple[str, ...]:
    remarks = []
    if reach.serves_from:
        remarks.append(f"it serves nothing before {reach.serves_from}, so it is asked for what follows only")
    if known.unknown:
        remarks.append(f"it does not know {', '.join(known.unknown)}")
    return tuple(remarks)


def _knows_none(known: Coins) -> str:
    return f"it does not know {', '.join(known.unknown)}" if known.unknown else "it has no coins worth asking for"


def _told(skipped: Sequence[Skipped]) -> str:
    return "; ".join(f"{each.source}: {each.reason}" for each in skipped)


def _seconds(calls: int, per_minute: int | None, request_delay: float) -> float:
    """What the calls take at least: the pause between two of them, or the vendor's pace where that is slower."""
    burst, interval = pace(per_minute)
    return max((calls - 1) * request_delay, (calls - burst) * interval)


def _month_end(day: date) -> date:
    return (day.replace(day=1) + timedelta(days=31)).replace(day=1) - _ONE_DAY
