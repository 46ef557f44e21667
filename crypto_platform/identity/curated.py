"""The curated identities: a versioned file with one coin a row and its id at each vendor."""

from __future__ import annotations

import csv
from pathlib import Path

import pyarrow as pa

from crypto_platform.sources import coin_lists

_SHIPPED = Path(__file__).with_name("curated.csv")
_ABOUT = ("asset_id", "symbol", "name")


class CuratedFileError(Exception):
    """A curated file that cannot be used; the sentence names the line."""


def curated_list(file: Path | None = None) -> pa.Table:
    """The file as a list of coins: the id is the asset's, `known_as` its ids as `source:id`; in the file's order."""
    path = file or _SHIPPED
    coins = _coins(path)
    if not coins:
        raise CuratedFileError(
            f"The curated file {path} names no coin; add a line, or leave CRYPTO_CROSSWALK_FILE unset."
        )
    _refuse_conflicts(path, coins)
    rows = [
        {
            "source_asset_id": coin["asset_id"],
            "symbol": coin["symbol"],
            "name": coin["name"],
            "is_active": None,
            "known_as": [f"{source}:{source_asset_id}" for source, source_asset_id in _ids(coin)],
        }
        for _, coin in coins
    ]
    return pa.Table.from_pylist(rows, schema=coin_lists.SCHEMA)


def _ids(coin: dict[str, str]) -> list[tuple[str, str]]:
    return [(source, value) for source, value in coin.items() if source not in _ABOUT and value]


def _coins(path: Path) -> list[tuple[int, dict[str, str]]]:
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise CuratedFileError(
            f"The curated file {path} cannot be read ({error.strerror}); set CRYPTO_CROSSWALK_FILE to one that can."
        ) from error
    except UnicodeDecodeError as error:
        raise CuratedFileError(f"The curated file {path} is not UTF-8 ({error.reason}); save it as UTF-8.") from error
    reader = csv.DictReader(text.splitlines())
    if not set(_ABOUT) < set(reader.fieldnames or ()):
        raise CuratedFileError(
            f"The curated file {path} needs the columns asset_id, symbol, name and one for each source."
        )
    coins = []
    lines: dict[str, int] = {}
    for row in reader:
        if None in row or None in row.values() or not row["asset_id"]:
            raise CuratedFileError(
                f"Line {reader.line_num} of the curated file {path} does not fit its header: "
                f"it needs an asset_id and {len(reader.fieldnames or ())} values; put it right."
            )
        if any(value != value.strip() for value in row.values()) or ":" in row["asset_id"]:
            raise CuratedFileError(
                f"Line {reader.line_num} of the curated file {path} has a blank around a value, or a colon in its "
                "asset_id, which is kept for coins that nothing maps; put it right."
            )
        if row["asset_id"] in lines:
            raise CuratedFileError(
                f"The curated file {path} has the coin {row['asset_id']!r} on lines {lines[row['asset_id']]} and "
                f"{reader.line_num}; keep one of them."
            )
        lines[row["asset_id"]] = reader.line_num
        coins.append((reader.line_num, row))
    return coins


def _refuse_conflicts(path: Path, coins: list[tuple[int, dict[str, str]]]) -> None:
    """One vendor id is one coin; two lines that disagree are a mistake to mend, not to guess at."""
    seen: dict[tuple[str, str], int] = {}
    for line, coin in coins:
        for key in _ids(coin):
            if key in seen:
                raise CuratedFileError(
                    f"The curated file {path} gives the {key[0]} id {key[1]!r} to two coins, "
                    f"on lines {seen[key]} and {line}; keep one of them."
                )
            seen[key] = line
