"""The home folder: it keeps the world it was made in, is one `up`'s at a time, and says why it cannot be used."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from crypto_platform.home import HomeError, only_one, open_home, world_of
from crypto_platform.settings import Settings, load_settings


def settings(home: Path, **values: Any) -> Settings:
    return load_settings(home=home, _env_file=None, **values)


@contextmanager
def small_disk(folder: Path, size: str) -> Iterator[Path]:
    """A file system of its own, so small that it is soon full."""
    folder.mkdir()
    if os.geteuid() != 0 or subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", folder], capture_output=True, check=False).returncode:  # fmt: skip  # noqa: E501
        pytest.skip("no file system can be mounted here")
    try:
        yield folder
    finally:
        subprocess.run(["umount", folder], check=True)


def test_a_new_home_is_live_unless_it_is_asked_to_be_a_sandbox(tmp_path: Path) -> None:
    assert open_home(settings(tmp_path / "a")) == "live"
    assert open_home(settings(tmp_path / "b", upstream="sandbox")) == "sandbox"
    assert [(tmp_path / name / "world").read_text() for name in "ab"] == ["live", "sandbox"]


def test_a_home_keeps_its_world_when_nobody_names_one(tmp_path: Path) -> None:
    open_home(settings(tmp_path, upstream="sandbox"))
    assert world_of(settings(tmp_path)) == open_home(settings(tmp_path)) == "sandbox"


@pytest.mark.parametrize(("made", "asked"), [("live", "sandbox"), ("sandbox", "live")])
def test_a_home_of_one_world_is_not_opened_as_the_other(tmp_path: Path, made: str, asked: str) -> None:
    open_home(settings(tmp_path, upstream=made))
    with pytest.raises(HomeError, match=f"holds {made} data and was opened as {asked}; set CRYPTO_UPSTREAM={made}"):
        open_home(settings(tmp_path, upstream=asked))
    assert (tmp_path / "world").read_text() == made


def test_asking_for_the_world_makes_nothing(tmp_path: Path) -> None:
    assert world_of(settings(tmp_path / "home")) == "live"
    assert list(tmp_path.iterdir()) == []


def test_a_marker_that_says_something_else_is_told_of(tmp_path: Path) -> None:
    (tmp_path / "world").write_text("moon\n")
    with pytest.raises(HomeError, match=r"should say `live` or `sandbox` and says 'moon'; put it right"):
        world_of(settings(tmp_path))


def test_a_file_in_the_place_of_the_home_is_told_of(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("precious")
    for home in (file, file / "below"):
        with pytest.raises(HomeError, match=r"cannot be written \(.*\); make room or rights there, or set CRYPTO_HOME"):
            open_home(settings(home))
    assert file.read_text() == "precious"


def test_a_full_disk_is_told_of_before_anything_is_written(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", "64k") as disk:
        (disk / "filler").write_bytes(b"x" * 60_000)
        with pytest.raises(HomeError, match=r"cannot be written \(No space left on device\); make room"):
            open_home(settings(disk))
        assert [path.name for path in disk.iterdir()] == ["filler"]


def test_a_home_runs_one_at_a_time_and_says_who_runs(tmp_path: Path) -> None:
    with only_one(tmp_path, "up"):
        with (
            pytest.raises(HomeError, match=rf"`crypto-platform up` already runs on .* \(process {os.getpid()}\)"),
            only_one(tmp_path, "up"),
        ):
            pass
        assert (tmp_path / "up.lock").read_text() == str(os.getpid())
    assert not (tmp_path / "up.lock").exists()
    with only_one(tmp_path, "up"):
        pass


def test_a_lock_left_by_a_process_that_died_holds_up_nobody(tmp_path: Path) -> None:
    (tmp_path / "up.lock").write_text("4194303")
    with only_one(tmp_path, "up"):
        assert (tmp_path / "up.lock").read_text() == str(os.getpid())
