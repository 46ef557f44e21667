"""CoinPaprika's `/contracts`: the platforms by their own ids, and the contracts of one of them."""

from __future__ import annotations

from typing import Final

from crypto_platform.sandbox.coins import Coin
from crypto_platform.sandbox.market import Market
from crypto_platform.sandbox.noise import draw

_PLATFORMS: Final = {
    "eth-ethereum": ("ethereum", "ERC20"),
    "bnb-binance-coin": ("binance-smart-chain", "BEP20"),
    "matic-polygon": ("polygon-pos", "ERC20"),
    "avax-avalanche": ("avalanche", "ERC20"),
    "sol-solana": ("solana", "SPL"),
    "base-base": ("base", "ERC20"),
    "arb-arbitrum": ("arbitrum-one", "ERC20"),
}


def platforms() -> list[str]:
    return list(_PLATFORMS)


def contracts(market: Market, platform: str, now: float) -> list[dict[str, object]] | None:
    """The contracts of the coins that CoinPaprika knows by now; None for a platform that it does not know."""
    if platform not in _PLATFORMS:
        return None
    chain, kind = _PLATFORMS[platform]
    return [
        {"address": _address(market.seed, coin, chain), "id": coin.coinpaprika, "type": kind, "active": True}
        for coin in market.coins
        if coin.coinpaprika and chain in coin.chains and coin.known_at <= now
    ]


def _address(seed: int, coin: Coin, chain: str) -> str:
    """Some addresses come in the mixed case that is a checksum elsewhere."""
    address = coin.chains[chain]
    if draw(seed, 521, coin.index) >= 0.2:
        return address
    return "0x" + "".join(letter.upper() if at % 2 else letter for at, letter in enumerate(address.removeprefix("0x")))
