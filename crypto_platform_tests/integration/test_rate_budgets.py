"""Rate budgets: one count for all threads and processes, at the pace and within the month that a vendor allows."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from typing import Any

import pytest

from crypto_platform.sources.errors import Permanent
from crypto_platform.warehouse import Budgets, BudgetSpentError, Warehouse, WarehouseError

MINUTE = 60.0
OPENING = """
import os, sys, time
from crypto_platform.settings import load_settings
from crypto_platform.warehouse import Budgets, open_warehouse
warehouse = open_warehouse(load_settings(warehouse=sys.argv[1], _env_file=None))
"""


@pytest.fixture
def budgets(warehouse: Warehouse) -> Iterator[Budgets]:
    opened = Budgets(warehouse.connect)
    yield opened
    opened.close()


def promised(permit: Callable[[], float], count: int) -> list[float]:
    """When each of so many requests would be made."""
    return [permit() + time.time() for _ in range(count)]


def most_in_a_minute(moments: Sequence[float]) -> int:
    ordered = sorted(moments)
    return max(sum(0 <= other - first < MINUTE for other in ordered) for first in ordered)


def run_script(body: str, warehouse: Warehouse) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", OPENING + body, warehouse.writer_url]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def execute(warehouse: Warehouse, statement: str) -> list[tuple[Any, ...]]:
    with warehouse.connect() as connection:
        cursor = connection.execute(statement.encode())
        return cursor.fetchall() if cursor.description else []


@pytest.mark.parametrize("per_minute", [1, 2, 3, 4, 5, 10, 30, 60, 120])
def test_in_no_minute_are_more_requests_let_through_than_allowed(warehouse: Warehouse, per_minute: int) -> None:
    everyone = [Budgets(warehouse.connect) for _ in range(2)]
    permits = [each.permit("coingecko", per_minute, None) for each in everyone for _ in range(2)]
    count = max(50, per_minute // 2)
    with ThreadPoolExecutor(4) as threads:
        moments = [*chain.from_iterable(threads.map(lambda permit: promised(permit, count), permits))]
    assert everyone[0].spent("coingecko") == len(moments) == 4 * count
    assert most_in_a_minute(moments) <= per_minute
    sustained = 60 * (len(moments) - 1) / (max(moments) - min(moments))
    assert sustained >= 0.6 * per_minute
    for each in everyone:
        each.close()


def test_processes_share_one_budget(warehouse: Warehouse, budgets: Budgets) -> None:
    asking = """
permit = Budgets(warehouse.connect).permit("coingecko", 30, 1000)
for _ in range(100):
    print(permit() + time.time())
"""
    others = [run_script(asking, warehouse) for _ in range(2)]
    moments = promised(budgets.permit("coingecko", 30, 1000), 20)
    for other in others:
        moments += map(float, other.communicate(timeout=60)[0].split())
    assert len(moments) == budgets.spent("coingecko") == 220
    assert most_in_a_minute(moments) <= 30


def test_a_forked_child_counts_over_a_connection_of_its_own(warehouse: Warehouse, budgets: Budgets) -> None:
    forking = """
def connect():
    print(os.getpid(), flush=True)
    return warehouse.connect()

budgets = Budgets(connect)
permit = budgets.permit("coingecko", 30, 1000)
permit()
child = os.fork()
if child == 0:
    permit()
    budgets.close()
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
permit()
"""
    script = run_script(forking, warehouse)
    opened = script.communicate(timeout=60)[0].split()
    assert script.returncode == 0
    assert len(opened) == len(set(opened)) == 2
    assert budgets.spent("coingecko") == 3


def test_a_third_of_the_minute_may_come_at_once_and_the_rest_is_paced(warehouse: Warehouse, budgets: Budgets) -> None:
    permit = budgets.permit("coingecko", 30, None)
    assert [permit() for _ in range(10)] == [0.0] * 10
    assert 2 < permit() <= 3
    assert 5 < permit() <= 6
    assert budgets.permit("coinpaprika", 30, None)() == 0.0
    execute(warehouse, "update ops.rate_budgets set next_free_at = next_free_at - interval '10 minutes'")
    assert [permit() for _ in range(10)] == [0.0] * 10


def test_without_a_limit_of_the_minute_nothing_waits_and_everything_counts(budgets: Budgets) -> None:
    paced = budgets.permit("yahoo", 1, None)
    assert paced() == 0.0
    assert paced() > 30
    free = budgets.permit("yahoo", None, 5)
    assert [free() for _ in range(3)] == [0.0] * 3
    assert budgets.left("yahoo", 5) == 0
    assert budgets.left("yahoo", None) is None
    with pytest.raises(BudgetSpentError):
        free()


def test_a_spent_budget_is_a_sentence_and_counts_nothing(warehouse: Warehouse, budgets: Budgets) -> None:
    execute(
        warehouse,
        """
        insert into ops.rate_budgets (source, month, calls, next_free_at, changed_at)
        values ('coingecko', date_trunc('month', now()), 9999, now(), now())
        """,
    )
    ((this, following),) = execute(
        warehouse, "select to_char(now(), 'YYYY-MM'), (date_trunc('month', now()) + interval '1 month')::date::text"
    )
    permit = budgets.permit("coingecko", 30, 10_000)
    assert permit() == 0.0
    before = budgets.all()
    for _ in range(3):
        with pytest.raises(Permanent) as refused:
            permit()
    assert str(refused.value) == (
        f"coingecko's budget of 10,000 calls for {this} is used up; "
        f"it starts anew on {following}, or raise CRYPTO_COINGECKO_PER_MONTH."
    )
    assert budgets.all() == before
    assert budgets.left("coingecko", 10_000) == 0
    assert budgets.left("coingecko", 9_000) == 0
    assert budgets.permit("coingecko", 30, 20_000)() == 0.0


def test_a_budget_of_nothing_lets_nothing_through(budgets: Budgets) -> None:
    with pytest.raises(BudgetSpentError, match="budget of 0 calls"):
        budgets.permit("coingecko", 30, 0)()
    assert budgets.all() == []
    assert budgets.spent("coingecko") == 0
    assert budgets.left("coingecko", 7) == 7


def test_a_new_month_starts_from_nothing(warehouse: Warehouse, budgets: Budgets) -> None:
    permit = budgets.permit("coingecko", 30, 2)
    permit()
    permit()
    execute(warehouse, "update ops.rate_budgets set month = month - interval '1 month'")
    assert (budgets.spent("coingecko"), budgets.left("coingecko", 2)) == (0, 2)
    assert [spent.calls for spent in budgets.all()] == [0]
    permit()
    assert (budgets.spent("coingecko"), budgets.left("coingecko", 2)) == (1, 1)
    permit()
    with pytest.raises(BudgetSpentError):
        permit()


def test_only_as_many_as_are_left_get_through_when_many_ask_at_once(warehouse: Warehouse) -> None:
    def ask_until_spent(_: int) -> int:
        budgets = Budgets(warehouse.connect)
        permit, through = budgets.permit("coingecko", None, 100), 0
        try:
            while True:
                permit()
                through += 1
        except BudgetSpentError:
            return through
        finally:
            budgets.close()

    with ThreadPoolExecutor(4) as threads:
        assert sum(threads.map(ask_until_spent, range(4))) == 100


def test_a_clock_that_was_set_back_is_not_waited_for(warehouse: Warehouse, budgets: Budgets) -> None:
    permit = budgets.permit("coingecko", 30, None)
    for _ in range(12):
        permit()
    execute(
        warehouse,
        """
        update ops.rate_budgets
        set next_free_at = next_free_at + interval '1 year', changed_at = changed_at + interval '1 year'
        """,
    )
    assert 8 < permit() <= 9


def test_a_lost_connection_is_opened_again(warehouse: Warehouse) -> None:
    opened = 0

    def connect() -> Any:
        nonlocal opened
        opened += 1
        return warehouse.connect(application="budgets of a test")

    budgets = Budgets(connect)
    permit = budgets.permit("coingecko", 600, None)
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda _: permit(), range(40)))
    assert opened == 1
    ended = execute(
        warehouse,
        "select pg_terminate_backend(pid, 10000) from pg_stat_activity where application_name = 'budgets of a test'",
    )
    assert ended == [(True,)]
    permit()
    assert (opened, budgets.spent("coingecko")) == (2, 41)
    budgets.close()
    permit()
    assert (opened, budgets.spent("coingecko")) == (3, 42)
    budgets.close()


def test_what_cannot_be_counted_is_one_sentence(warehouse: Warehouse, budgets: Budgets) -> None:
    execute(warehouse, "drop table ops.rate_budgets")
    with pytest.raises(WarehouseError, match=r"^The requests to vendors could not be counted in the warehouse: .*\.$"):
        budgets.permit("coingecko", 30, None)()


def test_a_permit_costs_next_to_nothing(budgets: Budgets) -> None:
    permit = budgets.permit("coingecko", 30, 1_000_000)
    permit()
    start = time.perf_counter()
    for _ in range(1_000):
        permit()
    milliseconds = time.perf_counter() - start
    assert milliseconds < 5
