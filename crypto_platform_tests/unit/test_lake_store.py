"""The local store: a key holds a whole object or nothing, whoever writes, fails or is killed meanwhile."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from crypto_platform.lake.store import LocalStore

KEY = "bronze_markets/source=coingecko/date=2026-11-21/data.parquet"
BIG = 400_000


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path / "lake")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A finished file outside the store."""
    path = tmp_path / "candidate"
    path.write_bytes(b"new" * BIG)
    return path


@contextmanager
def full_disk(at: int) -> Iterator[None]:
    """No file of this process may grow beyond so many bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (at, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def everything_under(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


@pytest.mark.parametrize("from_file", [False, True], ids=["bytes", "files"])
def test_of_many_writers_of_one_key_exactly_one_stores_its_object(
    store: LocalStore, tmp_path: Path, from_file: bool
) -> None:
    writers = 8
    contents = [bytes([65 + number]) * 100_000 for number in range(writers)]
    files = [tmp_path / f"file-{number}" for number in range(writers)]
    for path, content in zip(files, contents, strict=True):
        path.write_bytes(content)
    for attempt in range(20):
        key, start = f"answers/{attempt}", threading.Barrier(writers)

        def write(number: int, key: str = key, start: threading.Barrier = start) -> bool:
            start.wait()
            if from_file:
                return store.put_file_if_absent(key, files[number])
            return store.put_if_absent(key, contents[number])

        with ThreadPoolExecutor(writers) as pool:
            stored = list(pool.map(write, range(writers)))
        assert sum(stored) == 1
        assert store.read(key) == contents[stored.index(True)]
    assert everything_under(store.root) == store.keys("")


def test_an_object_that_is_there_is_never_overwritten(store: LocalStore, file: Path) -> None:
    assert store.put_if_absent(KEY, b"first")
    assert not store.put_if_absent(KEY, b"second")
    assert not store.put_file_if_absent(KEY, file)
    assert store.read(KEY) == b"first"


def test_a_reader_sees_the_old_object_or_the_new_one_and_nothing_between(store: LocalStore, tmp_path: Path) -> None:
    contents = {letter * BIG for letter in (b"a", b"b")}
    files = []
    for content in sorted(contents):
        files.append(tmp_path / content[:1].decode())
        files[-1].write_bytes(content)
    store.replace(KEY, files[0])
    stop, seen = threading.Event(), set()

    def read() -> None:
        while not stop.is_set():
            seen.add(store.read(KEY))

    with ThreadPoolExecutor(2) as pool:
        readers = [pool.submit(read) for _ in range(2)]
        for turn in range(60):
            store.replace(KEY, files[turn % 2])
        stop.set()
        for reader in readers:
            reader.result()
    assert seen <= contents


@pytest.mark.parametrize("how", ["replace", "put_file_if_absent", "put_if_absent"])
def test_a_write_that_runs_out_of_room_leaves_no_trace(store: LocalStore, file: Path, how: str) -> None:
    store.put_if_absent("other", b"other")
    if how == "replace":
        store.put_if_absent(KEY, b"old")
    before = {key: store.read(key) for key in store.keys("")}
    given = b"new" * BIG if how == "put_if_absent" else file
    with full_disk(BIG), pytest.raises(OSError, match="File too large"):
        getattr(store, how)(KEY, given)
    assert {key: store.read(key) for key in store.keys("")} == before
    assert everything_under(store.root) == sorted(before)
    getattr(store, how)(KEY, given)
    assert store.read(KEY) == b"new" * BIG


@pytest.mark.parametrize("how", ["replace", "put_file_if_absent"])
def test_a_process_killed_while_it_writes_changes_nothing(store: LocalStore, tmp_path: Path, how: str) -> None:
    if how == "replace":
        store.put_if_absent(KEY, b"old")
    before = store.keys("")
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    code = "import sys; from pathlib import Path; from crypto_platform.lake.store import LocalStore\n"
    code += f"LocalStore(Path(sys.argv[1])).{how}(sys.argv[2], Path(sys.argv[3]))"
    writer = subprocess.Popen([sys.executable, "-c", code, str(store.root), KEY, str(pipe)])
    with pipe.open("wb", buffering=0) as half:
        half.write(b"n" * 60_000)  # the pipe holds more only once the writer has begun to copy
        half.write(b"n" * 60_000)
        writer.send_signal(signal.SIGKILL)
        writer.wait()
    assert store.keys("") == before
    assert store.exists(KEY) == (how == "replace")
    assert len(everything_under(store.root)) == len(before) + 1, "the unfinished file is there, and hidden"
    pipe.unlink()
    pipe.write_bytes(b"new")
    getattr(store, how)(KEY, pipe)
    assert store.read(KEY) == b"new"


def test_hidden_files_are_no_objects(store: LocalStore) -> None:
    store.put_if_absent(KEY, b"1")
    (store.root / KEY).with_name(".data.parquet.part").write_bytes(b"half")
    assert store.keys("") == store.keys("bronze_markets") == [KEY]


def test_nothing_is_where_nothing_was_put(store: LocalStore) -> None:
    assert not store.exists(KEY)
    assert store.keys("bronze_markets") == store.folders("bronze_markets") == []
    assert store.sha256(KEY) is None
    store.delete(KEY)
