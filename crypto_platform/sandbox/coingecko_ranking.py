"""CoinGecko's order of coins by market cap, which trembles from moment to moment. No rows."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import Final

import numpy as np

from crypto_platform.sandbox.market import Market
from crypto_platform.sandbox.noise import Floats, Ints, draws
from crypto_platform.sandbox.traps import ABSURD_CAP, SUPPLYLESS_CAP, VANISHES

_GRAIN: Final = 15
_KEPT: Final = 32


class Ranking:
    """Threads may share it; the last few orders are kept."""

    def __init__(self, market: Market) -> None:
        self._market = market
        self._lock = threading.Lock()
        self._rankings: OrderedDict[int, tuple[Ints, Ints]] = OrderedDict()

    def at(self, moment: float) -> tuple[Ints, Ints]:
        """The coins by market cap as of a moment, and each coin's rank some minutes before it."""
        return self._order(moment)[0], self._order(moment // 300 * 300 - 300)[1]

    def _order(self, moment: float) -> tuple[Ints, Ints]:
        grain = int(moment // _GRAIN)
        with self._lock:
            if grain in self._rankings:
                self._rankings.move_to_end(grain)
                return self._rankings[grain]
        at = float(grain * _GRAIN)
        caps = self._caps(at)
        jitter = 1.0 + 0.02 * (draws(self._market.seed, 312, self._market.indices, np.array([grain])) - 0.5)
        exists = self._market.known <= at
        if (gone := self._market.traps["vanished"]) is not None and at >= VANISHES:
            exists[gone] = False
        order: Ints = np.argsort(-caps * jitter, kind="stable").astype(np.int64)
        order = order[exists[order]]
        ranks: Ints = np.zeros(len(caps), dtype=np.int64)
        ranks[order] = np.arange(1, len(order) + 1)
        with self._lock:
            self._rankings[grain] = order, ranks
            while len(self._rankings) > _KEPT:
                self._rankings.popitem(last=False)
        return order, ranks

    def _caps(self, moment: float) -> Floats:
        caps = self._market.market_cap(self._market.indices, np.array([moment]))
        for trap, cap in (("absurd_cap", ABSURD_CAP), ("supply_zero", SUPPLYLESS_CAP), ("no_cap", 0)):
            if (coin := self._market.traps[trap]) is not None:
                caps[coin] = cap
        return caps
