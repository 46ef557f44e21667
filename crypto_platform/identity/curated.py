"""The curated identities: a versioned file with one coin a row and its id at each vendor."""

from __future__ import annotations

import csv
from datetime import date
from pathlib import Path

import pyarrow as pa

from crypto_platform.tables import CROSSWALK

_SHIPPED = Path(__file__).with_name("curated.csv")
_ABOUT = ("asset_id", "symbol", "name")
_VALID_FROM = date(2009, 1, 3)
_KNOWN_FROM = date(2013, 1, 1)


class CuratedFileError(Exception):
    """A curated file that cannot be used; the sentence names the line."""


def crosswalk_rows(file: Path | None = None) -> pa.Table:
    """The crosswalk that the curated file alone gives."""
    path = file or _SHIPPED
    rows = []
    for line, coin in _coins(path):
        for source in coin.keys() - _ABOUT:
            if not coin[source]:
                continue
            rows.append(
                {
                    "source": source,
                    "source_asset_id": coin[source],
                    "valid_from": _VALID_FROM,
                    "known_from": _KNOWN_FROM,
                    "asset_id": coin["asset_id"],
                    "symbol": coin["symbol"],
                    "name": coin["name"],
                    "method": "curated",
                    "evidence": f"{path.name}: {coin['asset_id']}",
                    "line": line,
                }
            )
    _refuse_conflicts(path, rows)
    rows.sort(key=lambda row: (row["source"], row["source_asset_id"]))
    return pa.Table.from_pylist(rows, schema=CROSSWALK.arrow_schema)


def history_universe(source: str, file: Path | None = None, top: int | None = None) -> list[str]:
    """The ids to ask a source's history for, in the curated file's order."""
    ids = [coin[source] for _, coin in _coins(file or _SHIPPED) if coin.get(source)]
    return ids[:top]


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


def _refuse_conflicts(path: Path, rows: list[dict[str, object]]) -> None:
    """One vendor id is one coin; two lines that disagree are a mistake to mend, not to guess at."""
    seen: dict[tuple[object, object], object] = {}
    for row in rows:
        key = (row["source"], row["source_asset_id"])
        if key in seen:
            raise CuratedFileError(
                f"The curated file {path} gives the {row['source']} id {row['source_asset_id']!r} to two coins, "
                f"on lines {seen[key]} and {row['line']}; keep one of them."
            )
        seen[key] = row["line"]
