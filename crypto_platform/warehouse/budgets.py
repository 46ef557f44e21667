"""How often a vendor may still be asked, counted for all processes at once. What a vendor allows is in its source."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from threading import Lock
from typing import LiteralString

import psycopg
from psycopg.rows import TupleRow

from crypto_platform.sources.errors import Permanent
from crypto_platform.warehouse.connections import Connection
from crypto_platform.warehouse.errors import WarehouseError, WarehouseUnavailableError, first_line

# The generic cell rate algorithm: `next_free_at` is when all requests so far will have had their share of time, and one
# may be made up to `burst` shares ahead of that. The clock is read once the row is locked, so the order is that of the
# counting; where the last count lies ahead, the clock was set back since then, and what waits is set back with it.
_COUNT: LiteralString = """
    insert into ops.rate_budgets as budget (source, month, calls, next_free_at, changed_at)
    select
        %(source)s,
        date_trunc('month', clock.moment at time zone 'UTC'),
        1,
        clock.moment + make_interval(secs => %(interval)s),
        clock.moment
    from (select clock_timestamp() as moment offset 0) as clock
    where %(per_month)s::bigint is null or %(per_month)s::bigint > 0
    on conflict (source) do update set (month, calls, next_free_at, changed_at) = (
        select
            this.month,
            case when budget.month = this.month then budget.calls else 0 end + 1,
            greatest(this.moment, budget.next_free_at - greatest(budget.changed_at - this.moment, interval '0'))
            + make_interval(secs => %(interval)s),
            this.moment
        from (
            select clock.moment, date_trunc('month', clock.moment at time zone 'UTC')::date as month
            from (select clock_timestamp() as moment offset 0) as clock
        ) as this
    )
    where
        %(per_month)s::bigint is null
        or budget.calls < %(per_month)s::bigint
        or budget.month <> date_trunc('month', clock_timestamp() at time zone 'UTC')::date
    returning extract(
        epoch from budget.next_free_at - make_interval(secs => %(interval)s * %(burst)s) - clock_timestamp()
    )::double precision
"""

_SPENT: LiteralString = """
    with this as (select date_trunc('month', clock_timestamp() at time zone 'UTC')::date as month)
    select
        budget.source,
        this.month,
        case when budget.month = this.month then budget.calls else 0 end,
        budget.next_free_at,
        budget.changed_at
    from ops.rate_budgets as budget
    cross join this
    where %(source)s::text is null or budget.source = %(source)s
    order by budget.source
"""

_MONTH: LiteralString = "select date_trunc('month', clock_timestamp() at time zone 'UTC')::date"


class BudgetSpentError(Permanent):
    """A vendor may not be asked again this month."""


@dataclass(frozen=True)
class Spent:
    """What was asked of a source this month; `next_free_at` lies ahead while its requests of the minute do."""

    source: str
    month: date
    calls: int
    next_free_at: datetime
    changed_at: datetime


class Budgets:
    """The requests of all sources, in one connection that stays open; for any number of threads."""

    def __init__(self, connect: Callable[[], Connection]) -> None:
        self._connect = connect
        self._connection: Connection | None = None
        self._lock = Lock()
        self._process = os.getpid()

    def permit(self, source: str, per_minute: int | None, per_month: int | None) -> Callable[[], float]:
        """What counts one request at each call and gives the seconds to wait before making it.

        In no minute are more than `per_minute` requests let through, whoever asks; without one there is no wait.
        """
        burst, interval = pace(per_minute)
        values = {"source": source, "burst": burst, "interval": interval, "per_month": per_month}

        def count_one() -> float:
            counted = self._ask(_COUNT, values)
            if not counted:
                raise self._spent(source, per_month or 0)
            return max(0.0, float(counted[0][0])) if per_minute is not None else 0.0

        return count_one

    def left(self, source: str, per_month: int | None) -> int | None:
        """How many requests are left this month; None where they are not counted out."""
        return None if per_month is None else max(0, per_month - self.spent(source))

    def spent(self, source: str) -> int:
        """How many requests were made this month."""
        found = self._ask(_SPENT, {"source": source})
        return int(found[0][2]) if found else 0

    def all(self) -> list[Spent]:
        """Every source that was ever asked."""
        return [Spent(*row) for row in self._ask(_SPENT, {"source": None})]

    def close(self) -> None:
        """Give the connection back; a later call opens another."""
        with self._alone():
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    def _spent(self, source: str, per_month: int) -> BudgetSpentError:
        month: date = self._ask(_MONTH, {})[0][0]
        following = (month + timedelta(days=31)).replace(day=1)
        return BudgetSpentError(
            f"{source}'s budget of {per_month:,} calls for {month:%Y-%m} is used up; "
            f"it starts anew on {following}, or raise CRYPTO_{source.upper()}_PER_MONTH."
        )

    def _ask(self, statement: LiteralString, values: Mapping[str, object]) -> list[TupleRow]:
        with self._alone():
            try:
                return self._run(statement, values)
            except psycopg.OperationalError as error:
                if not self._lost:
                    raise _failed(error, WarehouseUnavailableError) from error
            except psycopg.Error as error:
                raise _failed(error, WarehouseError) from error
            try:
                return self._run(statement, values)
            except psycopg.Error as error:
                raise _failed(error, WarehouseUnavailableError) from error

    def _run(self, statement: LiteralString, values: Mapping[str, object]) -> list[TupleRow]:
        if self._connection is None or self._lost:
            self._connection = self._connect()
            # A crash of the server may forget the last moments' requests; each of them waiting for the disk is worse.
            self._connection.execute("set synchronous_commit = off")
        return self._connection.execute(statement, values).fetchall()

    @property
    def _lost(self) -> bool:
        return self._connection is not None and self._connection.closed

    def _alone(self) -> Lock:
        """The lock around the connection; a forked child's are its own, not its parent's."""
        if self._process != os.getpid():
            self._connection, self._lock, self._process = None, Lock(), os.getpid()
        return self._lock


def pace(per_minute: int | None) -> tuple[int, float]:
    """How many requests may come at once, and the seconds between those that follow.

    A burst and what follows it within a minute are `per_minute` together. Where that leaves too few to tell apart,
    they come one by one; the second more than a minute is for requests that are late on their way.
    """
    if per_minute is None:
        return 0, 0.0
    if per_minute < 4:
        return 1, 61 / per_minute
    burst = per_minute // 3
    return burst, 60 / (per_minute - burst)


def _failed(error: psycopg.Error, kind: type[WarehouseError]) -> WarehouseError:
    return kind(f"The requests to vendors could not be counted in the warehouse: {first_line(error)}.")
