"""The crosswalk: a fold over every list of coins there ever was, in the order they were fetched.

The rules, the first that applies: the curated file; a contract in common; for a file's coin, the coin it names; ticker
and name, unique among the active coins of both sources. A coin that no rule joins to another is an asset by itself.
What a rule has joined stays joined: only the curated file parts it.
"""

from __future__ import annotations

from collections.abc import Iterable

import pyarrow as pa

from crypto_platform.identity.believed import Believed
from crypto_platform.identity.editions import CSV, CURATED, Edition, editions
from crypto_platform.identity.knowledge import Knowledge
from crypto_platform.identity.names import squeezed, ticker
from crypto_platform.identity.register import Coin, Key, Register, Token, named_by


def crosswalk_of(lists: pa.Table | Iterable[pa.Table]) -> pa.Table:
    """The crosswalk that these rows of `raw_coins` give.

    One table may hold any lists in any order. Many lists come one by one, in `fetch_order`, and are not held.
    """
    fold = _Fold()
    for edition in editions(lists):
        fold.take(edition)
    return fold.crosswalk()


class _Fold:
    def __init__(self) -> None:
        self._register = Register()
        self._believed = Believed(self._register)
        self._knowledge = Knowledge()
        self._at: int | None = None
        self._number = 0
        self._sources = {"asset"}
        self._curated: dict[Key, str] = {}
        self._retold: set[Key] = set()

    def take(self, edition: Edition) -> None:
        if edition.at != self._at:
            self._write_down()
        self._at = edition.at
        self._number += 1
        if edition.source == CURATED:
            tokens, named = self._take_curated(edition)
        else:
            tokens, named = self._take_list(edition)
        self._examine(tokens, named)

    def crosswalk(self) -> pa.Table:
        self._write_down()
        return self._knowledge.table()

    def _write_down(self) -> None:
        """All that one moment brought is one step of knowledge."""
        if self._at is None:
            return
        believed = self._believed
        for key in believed.touched:
            self._knowledge.write(self._at, key, believed.spans(key), believed.told)
        changed = believed.changed | {believed.asset(key) for key in self._retold}
        for key in self._retold.union(*(believed.members(asset_id) for asset_id in changed if asset_id)):
            self._knowledge.retell(key, believed.told)
        for news in (believed.touched, believed.changed, self._retold):
            news.clear()

    # What a list brings

    def _take_list(self, edition: Edition) -> tuple[set[Token], set[Key]]:
        source, register, believed = edition.source, self._register, self._believed
        self._sources.add(source)
        tokens: set[Token] = set()
        named: set[Key] = set()
        since = (edition.at, source)
        for source_asset_id, day in edition.gone:
            coin = register.coins[source, source_asset_id]
            tokens.update(coin.tokens)
            register.withdraw(coin)
            coin.gone = self._number
            believed.end(coin.key, day)
        for listed in edition.listed:
            key = (source, listed.source_asset_id)
            known = register.coins.get(key)
            if known is None:
                coin = Coin(key, since, self._number, listed)
                if key not in believed:
                    believed.alone(key)
                named.update(register.naming(f"{source}:{listed.source_asset_id}"))
            elif known.gone is None and known.listed == listed:
                continue
            else:
                coin = known
                self._retold.add(key)
                if coin.gone is None:
                    tokens.update(coin.tokens)
                    register.withdraw(coin)
                else:
                    coin.gone = None
                    believed.resume(key, edition.day)
                coin.tell(listed)
            register.put(coin)
            tokens.update(coin.tokens)
            if source == CSV:
                named.add(key)
        return tokens, named

    def _take_curated(self, edition: Edition) -> tuple[set[Token], set[Key]]:
        believed = self._believed
        for asset_id, _ in edition.gone:
            del believed.curated[asset_id]
        believed.curated.update((listed.source_asset_id, listed) for listed in edition.listed)
        believed.changed.update(listed.source_asset_id for listed in edition.listed)
        before, now = self._curated, self._curated_ids()
        self._curated = now
        self._sources.update(source for source, _ in now)
        dropped = before.keys() - now.keys()
        moved = {key: asset_id for key, asset_id in now.items() if before.get(key) != asset_id}
        corrected = self._corrected(dropped, moved)
        members = {key for asset_id in corrected for key in believed.members(asset_id)}
        for key in sorted((members | dropped) - now.keys()):
            believed.alone(key)
        for key, asset_id in moved.items():
            believed.curate(key, asset_id)
        again = members | dropped | moved.keys()
        coins = [self._register.coins[key] for key in again if key in self._register.coins]
        tokens = {token for coin in coins if coin.gone is None for token in coin.tokens}
        named = {key for source, coin_id in moved for key in self._register.naming(f"{source}:{coin_id}")}
        return tokens, named | {coin.key for coin in coins if coin.key[0] == CSV}

    def _curated_ids(self) -> dict[Key, str]:
        """Which id is which asset in the file as it stands: of each source one."""
        ids: dict[Key, str] = {}
        for asset_id, coin in sorted(self._believed.curated.items()):
            sources = set()
            for known in coin.known_as:
                source, _, source_asset_id = known.partition(":")
                if source_asset_id and source not in sources and (source, source_asset_id) not in ids:
                    sources.add(source)
                    ids[source, source_asset_id] = asset_id
        return ids

    def _corrected(self, dropped: Iterable[Key], moved: dict[Key, str]) -> set[str]:
        """The assets in which the file changes who is who: what rules had joined to them has to be found anew.

        These are the assets that lose an id, those whose id the file gives to another coin, and those in which it
        replaces a source's id.
        """
        believed = self._believed
        was = {key: believed.asset(key) for key in (*dropped, *moved)}
        corrected = {asset_id for key, asset_id in was.items() if asset_id and asset_id != moved.get(key)}
        for asset_id in set(moved.values()):
            ids = {key for key, named in self._curated.items() if named == asset_id}
            members = believed.members(asset_id)
            sources = {source for source, _ in ids}
            if not members & ids or any(source in sources for source, _ in members - ids):
                corrected.add(asset_id)
        return corrected

    # The rules

    def _examine(self, tokens: set[Token], named: set[Key]) -> None:
        """What the coins that have these tokens now have in common."""
        register, believed = self._register, self._believed
        tokens = register.around(tokens)
        for contract in sorted(token for token in tokens if isinstance(token, str)):
            for one, other in register.by_contract(contract):
                believed.join(one, other, "contract", contract)
        self._follow(named)
        for symbol in sorted(token for token in tokens if not isinstance(token, str)):
            for one, other in register.by_name(symbol):
                if not self._says_which(one) and not self._says_which(other):
                    believed.join(one, other, "symbol_and_name", _names(one, other))
        self._follow({key for asset_id in believed.changed for key in register.naming(f"asset:{asset_id}")})

    def _follow(self, named: set[Key]) -> None:
        """Coins of files become the coins that they name."""
        waiting = named
        while waiting:
            joined = [self._join_named(self._register.coins[key]) for key in sorted(waiting)]
            waiting = {
                key for asset_id in joined if asset_id for key in self._register.naming(f"asset:{asset_id}")
            } - waiting

    def _join_named(self, coin: Coin) -> str | None:
        """The asset that came of it, if the coin was alone and names one coin."""
        if self._believed.asset(coin.key) is not None:
            return None
        targets = {
            target: known for known in reversed(coin.listed.known_as) if (target := self._target(known)) is not None
        }
        if len(targets) != 1:
            return None
        (target, known) = next(iter(targets.items()))
        if isinstance(target, str):
            self._believed.attach(coin.key, target, "named", known)
        else:
            self._believed.join(coin, self._register.coins[target], "named", known)
        return self._believed.asset(coin.key)

    def _target(self, known: str) -> str | Key | None:
        """The asset that is named, or the coin where it is alone; none while there is no such coin."""
        source, _, source_asset_id = named_by(known).partition(":")
        if source == "asset":
            return source_asset_id if self._believed.exists(source_asset_id) else None
        key = (source, source_asset_id)
        if source == CSV:
            return None
        return self._believed.asset(key) or (key if key in self._register.coins else None)

    def _says_which(self, coin: Coin) -> bool:
        """Whether the coin names another in so many words, so that no likeness is asked for."""
        return coin.key[0] == CSV and any(known.partition(":")[0] in self._sources for known in coin.listed.known_as)


def _names(one: Coin, other: Coin) -> str:
    first, second = sorted((one, other), key=lambda coin: coin.since)
    names = f"{ticker(first.listed.symbol)} / {first.listed.name}"
    same = squeezed(one.listed.name) == squeezed(other.listed.name)
    return names if same else f"{names} = {second.listed.name}"
