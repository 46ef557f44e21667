"""Which asset each vendor id is believed to be at present: who may join whom, and how an asset gets its id."""

from __future__ import annotations

from collections.abc import Iterator

from crypto_platform.identity.editions import CSV, CURATED, Listed
from crypto_platform.identity.knowledge import GENESIS, Mapping, Span
from crypto_platform.identity.register import Coin, Key, Register

ALONE = "alone"


class Believed:
    """Every id's spans, and every asset's ids."""

    def __init__(self, register: Register) -> None:
        self._register = register
        self._spans: dict[Key, list[Span]] = {}
        self._members: dict[str, set[Key]] = {}
        self._ever: dict[str, set[Key]] = {}
        self._minted_by: dict[str, str] = {}
        self.curated: dict[str, Listed] = {}
        """The coins of the curated file, by asset."""
        self.touched: set[Key] = set()
        """The ids whose spans were set since they were last written down."""
        self.changed: set[str] = set()
        """The assets that an id joined or left, or that are told of differently, since then."""

    def __contains__(self, key: Key) -> bool:
        return key in self._spans

    def spans(self, key: Key) -> list[Span]:
        return self._spans[key]

    def asset(self, key: Key) -> str | None:
        """The asset that evidence makes the coin a part of; none while it is alone."""
        spans = self._spans.get(key)
        return spans[-1].mapping.asset_id if spans and spans[-1].mapping.method != ALONE else None

    def exists(self, asset_id: str) -> bool:
        return asset_id in self.curated or bool(self._members.get(asset_id))

    def members(self, asset_id: str) -> set[Key]:
        return self._members.get(asset_id, set())

    def told(self, key: Key, mapping: Mapping) -> Listed | None:
        """What symbol and name are taken from: of a coin that is alone its own list, of another its asset's."""
        if mapping.method != ALONE:
            return self._told_of_asset(mapping.asset_id)
        coin = self._register.coins.get(key)
        return coin.listed if coin else None

    def _told_of_asset(self, asset_id: str) -> Listed | None:
        """The curated file, else the coin that gave the asset its id, or its successor at the source."""
        if asset_id in self.curated:
            return self.curated[asset_id]
        coins = [self._register.coins[key] for key in self.members(asset_id) if key in self._register.coins]
        minting = [coin for coin in coins if coin.key[0] == self._minted_by.get(asset_id)] or coins
        if not minting:
            return None
        return max(minting, key=lambda coin: (coin.gone is None, coin.first_seen, coin.key)).listed

    # What happens to one id

    def alone(self, key: Key) -> None:
        """No evidence makes it any other coin."""
        self._set(key, Mapping(f"{key[0]}:{key[1]}", ALONE))

    def curate(self, key: Key, asset_id: str) -> None:
        """The file says which coin it is, and was at all times."""
        mapping = Mapping(asset_id, CURATED, "the curated file")
        spans = self._spans.get(key) or [Span(GENESIS, None, mapping)]
        self._leave(key)
        self._spans[key] = [span._replace(mapping=mapping) for span in spans]
        self._enter(key, asset_id)

    def end(self, key: Key, day: int) -> None:
        """The vendor lists the id no more; the day is the last it did."""
        *before, last = self._spans[key]
        self._spans[key] = [*before, last._replace(end=max(day, last.first_day))]
        self.touched.add(key)

    def resume(self, key: Key, day: int) -> None:
        """The vendor lists the id again: the same coin, unless a successor has taken its place."""
        *before, last = self._spans[key]
        start = day if last.end is None else max(day, last.end + 1)
        if not self._free(key, last.mapping.asset_id, start):
            self._leave(key)
            self._spans[key].append(Span(start, None, Mapping(f"{key[0]}:{key[1]}", ALONE)))
        elif last.end is not None and day <= last.end:
            self._spans[key] = [*before, last._replace(end=None)]
        else:
            self._spans[key] = [*before, last, Span(day, None, last.mapping)]
        self.touched.add(key)

    # Joining

    def join(self, one: Coin, other: Coin, method: str, evidence: str) -> None:
        """Makes two coins one asset, if that merges no two assets and no two coins of one source."""
        assets = self.asset(one.key), self.asset(other.key)
        if assets == (None, None):
            first, second = sorted((one, other), key=lambda coin: coin.since)
            asset_id = self._mint(first, second.key)
            self._set(first.key, Mapping(asset_id, method, evidence))
            self._set(second.key, Mapping(asset_id, method, evidence))
        elif assets[0] is None:
            self.attach(one.key, str(assets[1]), method, evidence)
        elif assets[1] is None:
            self.attach(other.key, assets[0], method, evidence)

    def attach(self, key: Key, asset_id: str, method: str, evidence: str) -> None:
        since = self._vacant_since(key, asset_id)
        if since is not None:
            self._set(key, Mapping(asset_id, method, evidence, since))

    def _vacant_since(self, key: Key, asset_id: str) -> int | None:
        """From which day on the id can be its source's id of the asset; none if it can't.

        A source has one id for a coin at a time. An id may follow another that vanished, as after a vendor's renaming,
        but not if one list ever had both: those are two coins.
        """
        coin = self._register.coins[key]
        since = GENESIS
        for other in self._of_source(key, asset_id):
            end = self._spans[other][-1].end
            gone = self._register.coins[other].gone if end is not None else None
            if end is None or gone is None or coin.first_seen < gone:
                return None
            since = max(since, end + 1)
        return since

    def _free(self, key: Key, asset_id: str, day: int) -> bool:
        if self._spans[key][-1].mapping.method == CURATED:
            return True
        ends = [self._spans[other][-1].end for other in self._of_source(key, asset_id)]
        return all(end is not None and end < day for end in ends)

    def _of_source(self, key: Key, asset_id: str) -> Iterator[Key]:
        """The asset's other ids of the source; files are people's words, and several may name one coin."""
        if key[0] != CSV:
            yield from (other for other in self.members(asset_id) if other[0] == key[0] and other != key)

    def _mint(self, first: Coin, second: Key) -> str:
        """An asset id from the id of the coin that was there first; no other coin ever gets it but by the file."""
        slug = first.key[1].replace(":", "-")
        asset_id, number = slug, 1
        while self._taken(asset_id, {first.key, second}):
            number += 1
            asset_id = f"{slug}-{number}"
        self._minted_by[asset_id] = first.key[0]
        return asset_id

    def _taken(self, asset_id: str, keys: set[Key]) -> bool:
        return self.exists(asset_id) or bool(asset_id in self._ever and not self._ever[asset_id] & keys)

    # Keeping the two sides in step

    def _set(self, key: Key, mapping: Mapping) -> None:
        """In all the spans that stand for what the id stands for now, and that end after the mapping begins."""
        spans = self._spans.get(key)
        if spans is None:
            self._spans[key] = [Span(GENESIS, None, mapping)]
        else:
            self._leave(key)
            now = spans[-1].mapping
            self._spans[key] = [
                span._replace(mapping=mapping)
                if span.mapping == now and (span.end is None or span.end >= mapping.since)
                else span
                for span in spans
            ]
        self._enter(key, mapping.asset_id if mapping.method != ALONE else None)

    def _leave(self, key: Key) -> None:
        asset_id = self.asset(key)
        if asset_id is not None:
            self._members[asset_id].discard(key)
            self.changed.add(asset_id)

    def _enter(self, key: Key, asset_id: str | None) -> None:
        self.touched.add(key)
        if asset_id is not None:
            self._members.setdefault(asset_id, set()).add(key)
            self._ever.setdefault(asset_id, set()).add(key)
            self.changed.add(asset_id)
