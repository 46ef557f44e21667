"""The vendors: one file each says what to ask and how to cut its answers into rows. No storage and no Dagster here."""

from __future__ import annotations

from crypto_platform.sources.base import Source
from crypto_platform.sources.coingecko import CoinGecko
from crypto_platform.sources.yahoo import Yahoo

SOURCES: dict[str, type[Source]] = {source.name: source for source in (CoinGecko, Yahoo)}


class UnknownSourceError(LookupError):
    """A source was named that the platform does not have."""


def source_named(name: str) -> type[Source]:
    try:
        return SOURCES[name]
    except KeyError:
        raise UnknownSourceError(f"There is no source {name!r}; the sources are {', '.join(SOURCES)}.") from None
