"""Objects in a local folder: put once, replaced whole, never seen half-written. What they mean is not known here."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path


class LakeError(Exception):
    """The lake cannot do what was asked; the sentence says why and what to do."""


class LocalStore:
    """A folder that behaves like an object store: a key holds a whole object or nothing."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._folders: set[Path] = set()

    def path(self, key: str) -> Path:
        return self.root / key

    def uri(self, key: str) -> str:
        return str(self.path(key))

    def exists(self, key: str) -> bool:
        return self.path(key).is_file()

    def read(self, key: str) -> bytes:
        return self.path(key).read_bytes()

    def put_if_absent(self, key: str, content: bytes) -> bool:
        """Store the object unless the key is taken; true if it was stored."""
        return self._put(key, lambda temporary: _write(temporary, content))

    def put_file_if_absent(self, key: str, file: Path) -> bool:
        """As `put_if_absent`, for a finished file outside the store; the file itself is left alone."""
        return self._put(key, lambda temporary: _copy(file, temporary))

    def _put(self, key: str, fill: Callable[[Path], None]) -> bool:
        target = self.path(key)
        if target.exists():
            return False
        with self._temporary_beside(target) as temporary:
            fill(temporary)
            try:
                os.link(temporary, target)
            except FileExistsError:
                return False
        _sync_folder(target.parent)
        return True

    def replace(self, key: str, file: Path) -> None:
        """Put a finished file in the key's place, in one step that either happened or did not."""
        target = self.path(key)
        with self._temporary_beside(target) as temporary:
            _copy(file, temporary)
            temporary.replace(target)
        _sync_folder(target.parent)

    def delete(self, key: str) -> None:
        self.path(key).unlink(missing_ok=True)

    def keys(self, prefix: str) -> list[str]:
        """The keys of all objects in a folder and below, sorted."""
        folder = self.path(prefix)
        if not folder.is_dir():
            return []
        found = []
        for parent, _, files in os.walk(folder):
            found += [str(Path(parent, name).relative_to(self.root)) for name in files if not name.startswith(".")]
        return sorted(found)

    def folders(self, prefix: str) -> list[str]:
        """The names of the folders directly in a folder, sorted."""
        folder = self.path(prefix)
        if not folder.is_dir():
            return []
        with os.scandir(folder) as entries:
            return sorted(entry.name for entry in entries if entry.is_dir())

    def size(self, key: str) -> int:
        return self.path(key).stat().st_size

    def changed_at(self, key: str) -> int:
        """A number that differs after the object was written again."""
        return self.path(key).stat().st_mtime_ns

    def sha256(self, key: str) -> str | None:
        try:
            return file_sha256(self.path(key))
        except FileNotFoundError:
            return None

    def _temporary_beside(self, target: Path) -> _Temporary:
        if target.parent not in self._folders:
            _make_folder(target.parent)
            self._folders.add(target.parent)
        return _Temporary(target)


class _Temporary:
    """A hidden name beside the target, on the same file system, gone again whatever happens."""

    def __init__(self, target: Path) -> None:
        self._target = target

    def __enter__(self) -> Path:
        handle, name = tempfile.mkstemp(prefix=".", suffix=".part", dir=self._target.parent)
        os.fchmod(handle, 0o644)
        os.close(handle)
        self._path = Path(name)
        return self._path

    def __exit__(self, *_: object) -> None:
        with suppress(FileNotFoundError):
            self._path.unlink()


def file_sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _write(path: Path, content: bytes) -> None:
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _copy(source: Path, target: Path) -> None:
    with source.open("rb") as reader, target.open("wb") as writer:
        shutil.copyfileobj(reader, writer, 1 << 20)
        writer.flush()
        os.fsync(writer.fileno())


def _make_folder(folder: Path) -> None:
    """A folder and those above it, each as lasting as the objects that will lie in it."""
    if folder.is_dir():
        return
    _make_folder(folder.parent)
    folder.mkdir(exist_ok=True)
    _sync_folder(folder.parent)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
