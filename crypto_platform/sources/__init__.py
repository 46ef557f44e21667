"""The vendors: one file each says what to ask and how to cut its answers into rows. No storage and no Dagster here."""

from __future__ import annotations

from importlib import import_module
from typing import Literal

from crypto_platform.sources.base import Source

_FILES = (
    "coingecko",
    "coinpaprika",
    "yahoo",
    "csv",
)
"""The file of each source in this folder. A further vendor is a line here; docs/adding-a-source.md tells the rest."""


def _source_in(file: str) -> type[Source]:
    """The one source that a file defines."""
    module = import_module(f"{__name__}.{file}")
    defined = [each for each in vars(module).values() if isinstance(each, type) and each.__module__ == module.__name__]
    (source,) = (each for each in defined if issubclass(each, Source))
    return source


SOURCES: dict[str, type[Source]] = {source.name: source for source in map(_source_in, _FILES)}


class UnknownSourceError(LookupError):
    """A source was named that the platform does not have."""


def source_named(name: str) -> type[Source]:
    try:
        return SOURCES[name]
    except KeyError:
        raise UnknownSourceError(f"There is no source {name!r}; the sources are {', '.join(SOURCES)}.") from None


Gives = Literal["snapshots", "history", "coins"]


def having(kind: Gives) -> list[str]:
    """The sources that have this kind of data."""
    return [name for name, source in SOURCES.items() if getattr(source, f"has_{kind}")]


def asked(kind: Gives) -> list[str]:
    """Those of them that are vendors to be asked."""
    return [name for name in having(kind) if not SOURCES[name].from_files]


def fed_by_files() -> list[str]:
    """The sources whose rows come from dropped files."""
    return [name for name, source in SOURCES.items() if source.from_files]
