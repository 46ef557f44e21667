"""The drop folder: the files people put there, what they say of them beside, and which were read already."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from errno import ENOENT
from itertools import count
from pathlib import Path
from typing import Any

import pyarrow as pa

from crypto_platform.lake.lake import Lake
from crypto_platform.lake.store import LakeError, file_sha256
from crypto_platform.sources.csv import Csv
from crypto_platform.sources.files import Guide, GuideError, with_coin
from crypto_platform.tables import DROPPED_FILES

DROP = "drop"
_GUIDES = (Guide.COINS_FILE, Guide.FORMATS_FILE)
LARGEST = 100_000_000
"""Bytes; a file is read as a whole, which takes some twenty times its size in memory."""


@dataclass(frozen=True)
class DroppedFile:
    """One file of the drop folder, by name and content."""

    name: str
    sha256: str
    content: bytes
    size: int


def dropped(lake: Lake) -> Iterator[DroppedFile]:
    """The files people put into the drop folder, in the order of their names; those that guide the reading are not.

    One that cannot be read, or is gone by now, has no content to know it by: it is left for the next reading.
    """
    for key in _keys(lake):
        name = _as_text(key.removeprefix(f"{DROP}/"))
        if name in _GUIDES:
            continue
        try:
            file = _dropped(lake, key, name)
        except OSError as error:
            _warn(name, error)
        else:
            yield file


def _warn(name: str, error: OSError) -> None:
    import structlog

    structlog.get_logger(__name__).warning("a dropped file was left out", file=name, reason=error.strerror)


def _dropped(lake: Lake, key: str, name: str) -> DroppedFile:
    if not lake.store.exists(key):
        raise FileNotFoundError(ENOENT, "it is no file, or is gone")
    size = lake.store.size(key)
    if size > LARGEST:
        return DroppedFile(name, file_sha256(lake.store.path(key)), b"", size)
    content = lake.store.read(key)
    return DroppedFile(name, hashlib.sha256(content).hexdigest(), content, size)


def _keys(lake: Lake) -> list[str]:
    """All that lies in the drop folder, but for what is hidden or in a hidden folder."""
    return [key for key in sorted(lake.store.keys(DROP)) if not any(part.startswith(".") for part in key.split("/"))]


def _as_text(name: str) -> str:
    """A name as it can be written down; a folder may hold names that are not UTF-8."""
    return os.fsencode(name).decode(errors="backslashreplace")


def guide_of(lake: Lake) -> Guide:
    """What people say of the files beside them."""
    return Guide.parse(*(_guide_file(lake, name) for name in _GUIDES))


def _guide_file(lake: Lake, name: str) -> bytes | None:
    key = f"{DROP}/{name}"
    try:
        return lake.store.read(key) if lake.store.exists(key) else None
    except OSError as error:
        raise LakeError(f"{key} cannot be read ({error.strerror}); make it readable, or take it away.") from error


def signature(lake: Lake) -> str:
    """Changes when anything in the drop folder does; cheap, for nothing is read."""
    seen = [f"{_as_text(key)} {_looks(lake, key)}" for key in _keys(lake)]
    return hashlib.sha256("\n".join(seen).encode()).hexdigest()


def _looks(lake: Lake, key: str) -> str:
    try:
        return f"{lake.store.size(key)} {lake.store.changed_at(key)}"
    except OSError:
        return "gone"


def drop_files(lake: Lake, files: Sequence[Path], coin: str | None = None) -> dict[str, str]:
    """Put people's files into the drop folder, and say which coin they are of; all of them, or none.

    The SHA-256 of each, by its name; of those that only guide the reading none.
    """
    _refuse_names(files)
    contents = {file.name: _content(file) for file in files}
    known = {row["sha256"]: row for row in files_known(lake) if row["status"] == "read"}
    for name, content in contents.items():
        if name in _GUIDES:
            _refuse_no_guide(name, content, coin)
            continue
        _refuse_to_lose(lake, name, content)
        row = known.get(hashlib.sha256(content).hexdigest())
        if row and coin and row["coin"] != coin.removeprefix("asset:"):
            raise LakeError(
                f"{name} was read as {row['coin'] or 'what its own rows say'} on {row['read_at']:%Y-%m-%d}, and a "
                "file is read once. Its rows stay until the lake is made anew; nothing was changed."
            )
    if coin:
        said = _guide_file(lake, Guide.COINS_FILE) or b""
        for name in contents:
            said = with_coin(said, name, coin)
        if contents:
            put_into_drop(lake, Guide.COINS_FILE, said)
    for name, content in contents.items():
        put_into_drop(lake, name, content)
    return {name: hashlib.sha256(content).hexdigest() for name, content in contents.items() if name not in _GUIDES}


def _refuse_names(files: Sequence[Path]) -> None:
    names = [file.name for file in files]
    for file in files:
        if names.count(file.name) > 1:
            raise LakeError(f"Two of the files are called {file.name}; drop them one by one, under names of their own.")
        if file.name.startswith("."):
            raise LakeError(f"{file.name} begins with a dot, and hidden files are not read; rename it.")


def _content(file: Path) -> bytes:
    """What is in a file of people's; raises OSError and LakeError, the latter where it is too large to be read."""
    size = file.stat().st_size
    if size > LARGEST:
        raise LakeError(f"{file.name} {too_large(size)}")
    return file.read_bytes()


def too_large(size: int) -> str:
    return f"is {size / 1e6:,.0f} MB large and files of up to {LARGEST / 1e6:,.0f} MB are read; split it."


def _refuse_no_guide(name: str, content: bytes, coin: str | None) -> None:
    try:
        if coin:
            raise GuideError(f"{name} is of no coin.")
        Guide.parse(*(content if name == each else None for each in _GUIDES))
    except GuideError as error:
        raise LakeError(f"{error} Files called {name} tell of the others; rename it if it holds prices.") from None


def _refuse_to_lose(lake: Lake, name: str, content: bytes) -> None:
    """What is in the drop folder under that name is kept elsewhere by now, or is the same."""
    held = lake.store.sha256(f"{DROP}/{name}")
    if held and held != hashlib.sha256(content).hexdigest() and not lake.store.exists(kept_key(held)):
        raise LakeError(
            f"The drop folder holds another {name}, which was not read yet; `crypto-platform drop` reads it, "
            "or rename yours."
        )


def put_into_drop(lake: Lake, name: str, content: bytes) -> None:
    """Put a file into the drop folder, in one step; one of that name is replaced, and what was read of it stays."""
    with lake.scratch() as folder:
        file = folder / "dropped"
        file.write_bytes(content)
        lake.store.replace(f"{DROP}/{name}", file)


def begin_with(lake: Lake, file: Path | None) -> None:
    """Put the file that the settings name into the drop folder, where it is not there as it is.

    A file of that name that waits there to be read keeps its place.
    """
    if file is None:
        return
    if file.name in _GUIDES or file.name.startswith("."):
        raise LakeError(f"No prices are read of a file called {file.name}; rename it, and set CRYPTO_CSV_FILE_PATH.")
    try:
        content = _content(file.expanduser())
    except OSError as error:
        raise LakeError(
            f"The file {file} cannot be read ({error.strerror}); set CRYPTO_CSV_FILE_PATH to another, or to nothing."
        ) from error
    sha256 = hashlib.sha256(content).hexdigest()
    read = {row["sha256"] for row in files_known(lake) if row["status"] == "read"}
    for number in count(1):
        name = file.name if number == 1 else f"{file.stem} ({number}){file.suffix}"
        held = lake.store.sha256(f"{DROP}/{name}")
        if held == sha256 or (held and lake.store.exists(kept_key(sha256))):
            return
        if held is None or held in read:
            put_into_drop(lake, name, content)
            return


def kept_key(sha256: str) -> str:
    """Where a file's bytes are kept for good."""
    return f"answers/source={Csv.name}/file={sha256}/0001.zst"


def files_known(lake: Lake) -> list[dict[str, Any]]:
    """Every file that was ever dropped, as the lake knows it."""
    rows = pa.Table.from_batches(lake.batches(lake.slice(DROPPED_FILES).objects), DROPPED_FILES.arrow_schema)
    found: list[dict[str, Any]] = rows.to_pylist()
    return found
