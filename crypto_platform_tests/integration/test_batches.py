"""The ledger of batches: written while they run, ended for those that died, and made again from the lake."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from crypto_platform.run_process import this_process
from crypto_platform.warehouse import Batch, Checkpoint, Connection, Warehouse, batches

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
DEAD, ALIVE = "1 1.5", "2 2.5"


@pytest.fixture
def connection(warehouse: Warehouse) -> Iterator[Connection]:
    with warehouse.connect() as opened:
        yield opened


def batch(
    batch_id: str, minutes: float = 0, status: batches.Status = "running", source: str = "coingecko", **values: object
) -> Batch:
    """A snapshot that began so many minutes after noon."""
    made = Batch(source, batch_id, "snapshot", status, NOON + timedelta(minutes=minutes), process=DEAD)
    return replace(made, **values)  # type: ignore[arg-type]


def ended(begun: Batch, status: batches.Status = "success", **values: object) -> Batch:
    made = replace(begun, status=status, finished_at=begun.started_at + timedelta(seconds=90), seconds=90.0)
    return replace(made, **values)  # type: ignore[arg-type]


def alive(process: str) -> bool:
    return process == ALIVE


def test_a_batch_reads_as_it_was_written(connection: Connection) -> None:
    begun = batch("a", first_day=date(2026, 11, 21), last_day=date(2026, 11, 21))
    assert batches.save(connection, begun) == begun
    whole = ended(begun, pages=4, asked=3, rows=3_000_000_000)
    assert batches.save(connection, whole) == whole
    assert batches.batches(connection) == [whole]


def test_the_words_of_a_vendor_may_hold_what_postgres_refuses(connection: Connection) -> None:
    assert batches.save(connection, ended(batch("a"), "failure", error="no\0thing.")).error == "no\ufffdthing."


def test_a_batch_that_goes_on_is_the_same_try_and_one_begun_again_is_another(connection: Connection) -> None:
    begun = batch("a")
    tries = [batches.save(connection, each).tries for each in (begun, replace(begun, pages=1), replace(begun, pages=2))]
    assert tries == [1, 1, 1]
    failed = batches.save(connection, ended(begun, "failure", error="It broke."))
    assert (failed.tries, failed.error) == (1, "It broke.")
    again = batches.save(connection, begun)
    assert (again.tries, again.error, again.finished_at) == (2, None, None)
    assert batches.save(connection, replace(begun, process=ALIVE)).tries == 3
    later = replace(begun, process=ALIVE, started_at=NOON + timedelta(minutes=5))
    assert batches.save(connection, later).tries == 4
    assert batches.save(connection, ended(later)).tries == 4
    assert batches.save(connection, ended(later, tries=7)).tries == 7


def test_two_sources_may_name_a_batch_alike(connection: Connection) -> None:
    for source in ("coingecko", "coinpaprika"):
        assert batches.save(connection, batch("a", source=source)).tries == 1
    assert len(batches.batches(connection)) == 2


def test_batches_are_told_newest_first(connection: Connection) -> None:
    for each in (batch("a", 0), batch("c", 2), batch("b", 1, kind="history"), batch("d", 3, source="yahoo")):
        batches.save(connection, each)

    def ids(source: str | None = None, kind: object = None, limit: int | None = None) -> str:
        return "".join(each.batch_id for each in batches.batches(connection, source, kind, limit))  # type: ignore[arg-type]

    assert (ids(), ids("coingecko"), ids(None, "snapshot"), ids("coingecko", "history")) == ("dcba", "cba", "dca", "b")
    assert (ids(limit=2), ids("coingecko", limit=1), ids("coinpaprika")) == ("dc", "c", "")


def test_a_batch_whose_process_is_gone_has_failed(connection: Connection) -> None:
    living = batch("living", process=ALIVE)
    done = ended(batch("done"))
    for each in (batch("dead", pages=2), living, done, batch("unknown", process=None)):
        batches.save(connection, each)
    now = NOON + timedelta(hours=1)
    gone = {each.batch_id: each for each in batches.end_gone(connection, alive, now)}
    assert set(gone) == {"dead", "unknown"}
    assert gone["dead"] == replace(
        batch("dead", pages=2), status="failure", finished_at=now, error="Its process ended without a word."
    )
    found = {each.batch_id: each for each in batches.batches(connection)}
    assert found == gone | {"living": living, "done": done}
    assert batches.end_gone(connection, alive, now) == []


def test_a_batch_that_another_process_took_up_meanwhile_is_not_ended(
    warehouse: Warehouse, connection: Connection
) -> None:
    begun = batch("a")
    batches.save(connection, begun)

    def looks_just_before(process: str) -> bool:
        with warehouse.connect() as other:
            batches.save(other, replace(begun, process=ALIVE))
        return alive(process)

    assert batches.end_gone(connection, looks_just_before, NOON) == []
    assert [(each.status, each.process) for each in batches.batches(connection)] == [("running", ALIVE)]


def test_checkpoints_tell_the_last_batch_and_how_all_went(connection: Connection) -> None:
    assert batches.checkpoints(connection) == []
    batches.save(connection, ended(batch("a", 0), pages=1, rows=10))
    batches.save(connection, ended(batch("b", 5), "failure", error="It broke."))
    batches.save(connection, batch("h", 9, kind="history", source="yahoo"))
    snapshots, history = batches.checkpoints(connection)
    assert snapshots == Checkpoint(
        source="coingecko",
        kind="snapshot",
        status="failure",
        batch_id="b",
        started_at=NOON + timedelta(minutes=5),
        finished_at=NOON + timedelta(minutes=5, seconds=90),
        seconds=90.0,
        pages=0,
        records_processed=0,
        last_success_at=NOON + timedelta(seconds=90),
        last_failure_at=NOON + timedelta(minutes=5, seconds=90),
        last_error="It broke.",
        batches=2,
        failures=1,
    )
    assert (history.source, history.kind, history.status) == ("yahoo", "history", "running")
    assert (history.last_success_at, history.last_failure_at, history.batches) == (None, None, 1)

    batches.save(connection, ended(batch("c", 6), pages=4, rows=1000))
    now = batches.checkpoints(connection)[0]
    assert (now.status, now.records_processed, now.last_error, now.failures) == ("success", 1000, None, 1)
    assert now.last_failure_at == snapshots.last_failure_at


def test_a_rebuilt_ledger_equals_what_is_given_but_for_what_lives(connection: Connection) -> None:
    living = batch("living", 9, process=this_process(), pages=1)
    for each in (ended(batch("a"), rows=1), ended(batch("gone", 1)), batch("dead", 2), living):
        batches.save(connection, each)
    wanted = [ended(batch("a"), rows=2, tries=3, process=None), ended(batch("new", 5), error="odd\t\\N\0")]
    told_of_living = ended(living, rows=7)
    for _ in range(2):
        batches.replace_all(connection, [*wanted, told_of_living])
        assert batches.batches(connection) == [living, replace(wanted[1], error="odd\t\\N\ufffd"), wanted[0]]
    batches.replace_all(connection, [])
    assert batches.batches(connection) == [living]
    batches.replace_all(connection, [told_of_living], alive)
    assert batches.batches(connection) == [told_of_living]


def test_a_rebuild_that_breaks_off_changes_nothing(connection: Connection) -> None:
    batches.save(connection, before := ended(batch("a")))

    def breaking() -> Iterator[Batch]:
        yield batch("b")
        raise OSError("The lake is gone.")

    with pytest.raises(OSError, match="The lake is gone"):
        batches.replace_all(connection, breaking())
    assert batches.batches(connection) == [before]


def test_what_ends_during_a_rebuild_is_written_after_it(warehouse: Warehouse, connection: Connection) -> None:
    of_lake, of_process = ended(batch("a"), rows=1), ended(batch("a"), rows=1, asked=4)
    saving: list[Future[Batch]] = []

    def save() -> Batch:
        with warehouse.connect(application="saves") as other:
            return batches.save(other, of_process)

    def waits() -> bool:
        with warehouse.connect() as looking:
            waiting = "select from pg_stat_activity where application_name = 'saves' and wait_event_type = 'Lock'"
            return looking.execute(waiting).rowcount == 1

    with ThreadPoolExecutor(1) as threads:

        def reading() -> Iterator[Batch]:
            saving.append(threads.submit(save))
            while not saving[0].done() and not waits():
                pass
            yield of_lake

        batches.replace_all(connection, reading())
        assert saving[0].result() == of_process
    assert batches.batches(connection) == [of_process]
