"""The coins that vendors list at present, found by what they have in common. Knows no asset."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import combinations

from crypto_platform.identity.editions import CSV, Listed
from crypto_platform.identity.names import squeezed, stands_in, ticker, without_token

Key = tuple[str, str]
"""A source and the coin's id there."""

Token = str | tuple[str]
"""What coins can have in common: `chain:contract`, or a ticker, which is a tuple of one."""


@dataclass(slots=True, eq=False)
class Coin:
    """A coin as the latest list of its source tells of it."""

    key: Key
    since: tuple[int, str]
    """When its first list was fetched, and of which source: the order in which coins were brought."""
    first_seen: int
    """The number of the first list that had it."""
    listed: Listed
    gone: int | None = None
    """The number of the list in which it was missing."""
    contracts: tuple[str, ...] = ()
    tokens: tuple[Token, ...] = ()

    def __post_init__(self) -> None:
        self.tell(self.listed)

    def tell(self, listed: Listed) -> None:
        self.listed = listed
        self.contracts = tuple(known for known in listed.known_as if known.partition(":")[2]) if listed.known_as else ()
        symbol = ticker(listed.symbol) if listed.is_active else ""
        self.tokens = (*self.contracts, (symbol,)) if symbol else self.contracts


def named_by(known: str) -> str:
    """What a file's coin names: `source:id`, for which `asset:source:id` is another spelling, or `asset:id`."""
    asset = known.removeprefix("asset:")
    return asset if ":" in asset else known


class Register:
    """Every coin ever listed; those listed now can be found by contract and by name."""

    def __init__(self) -> None:
        self.coins: dict[Key, Coin] = {}
        self._by_token: dict[Token, list[Coin]] = {}
        self._naming: dict[str, set[Key]] = {}

    def put(self, coin: Coin) -> None:
        self.coins[coin.key] = coin
        for token in coin.tokens:
            self._by_token.setdefault(token, []).append(coin)
        if coin.key[0] == CSV:
            for known in coin.listed.known_as:
                self._naming.setdefault(named_by(known), set()).add(coin.key)

    def withdraw(self, coin: Coin) -> None:
        """The coin can no longer be found, and stays on record."""
        for token in coin.tokens:
            self._by_token[token].remove(coin)
        if coin.key[0] == CSV:
            for known in coin.listed.known_as:
                self._naming[named_by(known)].discard(coin.key)

    def naming(self, known: str) -> Iterable[Key]:
        """The coins of files that say in so many words which coin they are."""
        return self._naming.get(known, ())

    def around(self, tokens: Iterable[Token]) -> set[Token]:
        """With the tokens of every coin that has one of these contracts: what one says bears on the others."""
        wider = set(tokens)
        for token in list(wider):
            if isinstance(token, str):
                for coin in self._by_token.get(token, ()):
                    wider.update(coin.tokens)
        return wider

    def by_contract(self, contract: str) -> Iterator[tuple[Coin, Coin]]:
        """Pairs of coins of two sources that alone claim the contract, unless another contract says otherwise."""
        for one, other in combinations(self._alone_in_their_source(contract), 2):
            if not self._points_elsewhere(one, other) and not self._points_elsewhere(other, one):
                yield one, other

    def by_name(self, symbol: tuple[str]) -> Iterator[tuple[Coin, Coin]]:
        """Pairs of active coins of two sources with this ticker and one name that no other such coin has.

        The same names come first. Names that are the same but for the word "token" pair only coins whose ticker
        nobody else has in either source: with two allowances at once, "ARPA" is "ARPA Token" and not "ARPA Chain".
        """
        coins = self._by_token.get(symbol, [])
        if len(coins) < 2:
            return
        named: dict[str, list[Coin]] = {}
        for coin in coins:
            if not stands_in(coin.listed.name):
                named.setdefault(squeezed(coin.listed.name), []).append(coin)
        pairs = [pair for name in sorted(named) if name for pair in combinations(_singles(named[name]), 2)]
        for one, other in combinations(_singles(coins), 2):
            names = one.listed.name, other.listed.name
            if (
                len({without_token(name) for name in names}) == 1
                and not any(map(stands_in, names))
                and squeezed(names[0])
            ):
                pairs.append((one, other))
        for one, other in pairs:
            if not self._contradicted(one, other):
                yield one, other

    def _alone_in_their_source(self, token: Token) -> list[Coin]:
        return _singles(self._by_token.get(token, []))

    def _points_elsewhere(self, one: Coin, other: Coin) -> bool:
        """Whether a contract makes the first the same as another coin of the second's source."""
        for contract in one.contracts:
            for claiming in self._alone_in_their_source(contract):
                if claiming.key[0] == other.key[0] and claiming is not other and self._claims_alone(one, contract):
                    return True
        return False

    def _claims_alone(self, coin: Coin, contract: str) -> bool:
        return any(claiming is coin for claiming in self._alone_in_their_source(contract))

    def _contradicted(self, one: Coin, other: Coin) -> bool:
        """Whether contracts say that two namesakes are two coins: a chain both are on, and no contract in common."""
        if one.contracts and other.contracts and not set(one.contracts) & set(other.contracts):
            chains = ({contract.partition(":")[0] for contract in coin.contracts} for coin in (one, other))
            if set.intersection(*chains):
                return True
        return self._points_elsewhere(one, other) or self._points_elsewhere(other, one)


def _singles(coins: list[Coin]) -> list[Coin]:
    """The coins that are the only one of their source, by source."""
    if len(coins) < 2:
        return coins
    of_source: dict[str, list[Coin]] = {}
    for coin in coins:
        of_source.setdefault(coin.key[0], []).append(coin)
    return [of_source[source][0] for source in sorted(of_source) if len(of_source[source]) == 1]
