"""Which sources there are, and what is said where there is none."""

from __future__ import annotations

import pytest

from crypto_platform.sources import SOURCES, UnknownSourceError, source_named
from crypto_platform.sources.coingecko import CoinGecko
from crypto_platform.sources.coinpaprika import CoinPaprika
from crypto_platform.sources.yahoo import Yahoo


def test_a_source_is_found_by_its_name_or_the_names_are_told() -> None:
    assert all(name == source.name for name, source in SOURCES.items())
    assert {CoinGecko, CoinPaprika, Yahoo} <= set(SOURCES.values())
    assert source_named("coingecko") is CoinGecko
    with pytest.raises(UnknownSourceError, match="no source 'binance'; the sources are coingecko, coinpaprika, yahoo"):
        source_named("binance")
