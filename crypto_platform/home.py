"""The home folder: which world it belongs to, whether it can be used, and who else is using it."""

from __future__ import annotations

import fcntl
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from crypto_platform.settings import Settings, World

_MARKER = "world"


SANDBOX_CROSSWALK = "sandbox-crosswalk.csv"
"""The identities of the simulated market that a home was made with; they stand in for the curated ones."""


class HomeError(Exception):
    """The home cannot be used as asked; the sentence says why and what to do."""


def world_of(settings: Settings) -> World:
    """The world a home is in, or a new one will be in: what was asked for, else what it was made as, else live."""
    held = _held(settings.home_dir)
    asked = settings.upstream
    if held and asked and held != asked:
        raise HomeError(
            f"The home {settings.home_dir} holds {held} data and was opened as {asked}; "
            f"set CRYPTO_UPSTREAM={held}, or CRYPTO_HOME to another folder."
        )
    return held or asked or "live"


def open_home(settings: Settings) -> World:
    """Make the home if need be and mark its world."""
    world = world_of(settings)
    home = settings.home_dir
    try:
        home.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=home) as probe:
            probe.write(b"room?" * 2_000)
            probe.flush()
            os.fsync(probe.fileno())
        marker = home / _MARKER
        if not marker.exists():
            partial = home / f".{_MARKER}.{os.getpid()}"
            partial.write_text(world)
            partial.replace(marker)
    except OSError as error:
        raise HomeError(
            f"The home {home} cannot be written ({error.strerror}); "
            "make room or rights there, or set CRYPTO_HOME to another folder."
        ) from error
    return world


def _held(home: Path) -> World | None:
    try:
        text = (home / _MARKER).read_text().strip()
    except OSError:
        return None
    if text == "live":
        return "live"
    if text == "sandbox":
        return "sandbox"
    raise HomeError(f"The file {home / _MARKER} should say `live` or `sandbox` and says {text!r}; put it right.")


@contextmanager
def only_one(home: Path, what: str) -> Iterator[None]:
    """Hold the home for one `up` at a time; the lock goes with the process, however it ends."""
    path = home / f"{what}.lock"
    with path.open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if not path.exists() or path.stat().st_ino != os.fstat(file.fileno()).st_ino:
                raise BlockingIOError  # the holder was just leaving and took the file with it
        except BlockingIOError:
            file.seek(0)
            holder = file.read().strip() or "unknown"
            raise HomeError(
                f"`crypto-platform {what}` already runs on {home} (process {holder}); "
                "stop that one first, or set CRYPTO_HOME to another folder."
            ) from None
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        try:
            yield
        finally:
            path.unlink(missing_ok=True)
