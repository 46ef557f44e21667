"""The embedded server: shared by processes, stopped by the last one, and not to be hurt by kills."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import psutil
import psycopg
import pytest
import sqlalchemy

from crypto_platform.warehouse import WarehouseError
from crypto_platform.warehouse.account import server_account
from crypto_platform.warehouse.embedded import EmbeddedServer

_USER = """
import sys
from pathlib import Path
from crypto_platform.warehouse.embedded import EmbeddedServer
with EmbeddedServer(Path(sys.argv[1])) as server:
    print(server.pid, flush=True)
    sys.stdin.readline()
"""
_FORKING_USER = _USER.replace(
    "    print", "    import os\n    if os.fork() == 0: sys.stdin.readline(); os._exit(0)\n    print"
)


@contextmanager
def another_user(home: Path, program: str = _USER) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """Another process that uses the home's server, and the server's pid as it sees it."""
    command = [sys.executable, "-W", "error", "-c", program, str(home)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout
            yield process, int(process.stdout.readline())
        finally:
            if process.poll() is None:
                process.communicate("leave\n", timeout=30)


def processes_of(home: Path) -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.name() == "postgres" and process.cwd().startswith(str(home)):
                found.append(process)
    return found


def assert_nothing_left(home: Path) -> None:
    assert processes_of(home) == []
    assert not (home / "postgres" / "run").exists()
    assert not (home / "postgres" / "data" / "postmaster.pid").exists()


def test_two_processes_share_one_server_and_the_last_one_stops_it(tmp_path: Path) -> None:
    with another_user(tmp_path) as (_, theirs):
        with EmbeddedServer(tmp_path) as server:
            assert server.pid == theirs
        assert psutil.pid_exists(theirs)
    assert_nothing_left(tmp_path)


def test_processes_that_come_at_once_start_one_server(tmp_path: Path) -> None:
    with ExitStack() as stack:
        pids = {pid for _, pid in [stack.enter_context(another_user(tmp_path)) for _ in range(3)]}
    assert len(pids) == 1
    assert_nothing_left(tmp_path)


def test_a_killed_user_is_not_counted_and_its_server_is_adopted(tmp_path: Path) -> None:
    with another_user(tmp_path) as (process, theirs):
        process.kill()
        process.wait()
        with EmbeddedServer(tmp_path) as server:
            assert server.pid == theirs
    assert_nothing_left(tmp_path)


def test_a_forked_child_does_not_count_and_cannot_stop_its_parents_server(tmp_path: Path) -> None:
    with EmbeddedServer(tmp_path) as server:
        child = os.fork()
        if child == 0:
            server.release()  # what leaving the parent's `with` would do
            os._exit(0)
        os.waitpid(child, 0)
        with psycopg.connect(server.writer_url) as connection:
            assert connection.execute("select 1").fetchone() == (1,)
    assert_nothing_left(tmp_path)


def test_the_forked_child_of_a_killed_user_keeps_no_server(tmp_path: Path) -> None:
    with another_user(tmp_path, _FORKING_USER) as (process, theirs):
        process.kill()
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        with EmbeddedServer(tmp_path) as server:
            assert server.pid == theirs
        assert_nothing_left(tmp_path)  # while the child still waits


def test_a_killed_server_is_replaced_even_while_a_backend_goes_on(tmp_path: Path) -> None:
    first, second = EmbeddedServer(tmp_path), EmbeddedServer(tmp_path)
    with first:
        with psycopg.connect(first.writer_url) as connection:
            connection.execute("create table kept (value integer)")
            connection.execute("insert into kept values (7)")
        busy = psycopg.connect(first.writer_url)
        busy.pgconn.send_query(b"do $$ begin loop end loop; end $$")
        old = first.pid
        assert old
        os.kill(old, signal.SIGKILL)
        with second:
            assert second.pid != old
            with psycopg.connect(second.writer_url) as connection:
                assert connection.execute("select value from kept").fetchall() == [(7,)]
        assert processes_of(tmp_path), "first still uses it"
        busy.close()
    assert_nothing_left(tmp_path)


def test_a_lock_file_that_names_a_recycled_pid_does_not_prevent_a_start(tmp_path: Path) -> None:
    lock = tmp_path / "postgres" / "data" / "postmaster.pid"
    with EmbeddedServer(tmp_path) as server:
        left, own = lock.read_text(), str(server.pid)
    with subprocess.Popen(["sleep", "60"], user=server_account().uid) as stranger:
        lock.write_text(left.replace(own, str(stranger.pid), 1))
        with EmbeddedServer(tmp_path) as server:
            assert server.pid not in {None, stranger.pid}
        assert stranger.poll() is None
        stranger.kill()


def test_a_half_made_data_directory_is_made_anew(tmp_path: Path) -> None:
    (tmp_path / "postgres" / "data.new" / "base").mkdir(parents=True)
    with EmbeddedServer(tmp_path) as server, psycopg.connect(server.writer_url) as connection:
        assert connection.execute("select 1").fetchone() == (1,)
    assert not (tmp_path / "postgres" / "data.new").exists()


def test_a_home_too_deep_for_a_socket_gets_one_elsewhere_until_it_stops(tmp_path: Path) -> None:
    home = tmp_path / ("deep, " * 12) / ("deep " * 12)
    with EmbeddedServer(home) as server, psycopg.connect(server.writer_url) as connection:
        place = Path(connection.info.host)
        assert place.parent == Path("/tmp")  # noqa: S108
        assert place.stat().st_mode & 0o777 == 0o700
    assert not place.exists()


def test_roles_and_databases_are_as_tight_as_they_should_be(tmp_path: Path) -> None:
    with EmbeddedServer(tmp_path) as server:
        engine = sqlalchemy.create_engine(server.dagster_url, poolclass=sqlalchemy.NullPool)
        with engine.connect() as dagster:
            dagster.execute(sqlalchemy.text("create table runs (id integer)"))
        with psycopg.connect(server.writer_url) as writer:
            asked = "select rolsuper, rolcreaterole, rolcreatedb from pg_roles where rolname = current_user"
            assert writer.execute(asked).fetchone() == (False, False, False)
            assert writer.execute("show listen_addresses").fetchone() == ("",)
            assert writer.execute("show fsync").fetchone() == ("on",)
        with pytest.raises(psycopg.OperationalError, match="permission denied"):
            psycopg.connect(server.reader_url.replace("/crypto?", "/dagster?"))


def test_the_data_of_another_major_version_is_refused_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "postgres" / "data").mkdir(parents=True)
    (tmp_path / "postgres" / "data" / "PG_VERSION").write_text("16\n")
    with pytest.raises(WarehouseError, match="belongs to PostgreSQL 16 and this is 18"):
        EmbeddedServer(tmp_path).acquire()


def test_a_home_that_cannot_be_written_is_refused_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(WarehouseError, match=r"cannot be written to \(Not a directory\); choose another"):
        EmbeddedServer(tmp_path / "file" / "home").acquire()


def test_a_failed_start_says_what_the_server_said_and_counts_nobody(tmp_path: Path) -> None:
    with EmbeddedServer(tmp_path):
        pass
    settings = tmp_path / "postgres" / "data" / "postgresql.auto.conf"
    settings.write_text("shared_buffers = 'many'\n")
    broken = EmbeddedServer(tmp_path)
    with pytest.raises(WarehouseError, match=r"did not start: .*contains errors"):
        broken.acquire()
    settings.write_text("")
    with EmbeddedServer(tmp_path):
        pass
    assert_nothing_left(tmp_path)
