"""The files that travel with the code: in the wheel beside the package, in a checkout at its root."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).parent


def shipped_path(relative: str) -> Path:
    """Where a shipped file or folder lies here."""
    packed = _PACKAGE / "_shipped" / relative
    return packed if packed.exists() else _PACKAGE.parent / relative


def sample_path(name: str) -> Path:
    """Where a sample that people can start with lies."""
    return _PACKAGE / "samples" / name
