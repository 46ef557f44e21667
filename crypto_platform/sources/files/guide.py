"""The two files that people may put beside theirs: which file is of which coin, and formats of their own."""

from __future__ import annotations

import csv
import glob
import io
import re
import tomllib
from dataclasses import dataclass
from datetime import datetime
from fnmatch import fnmatchcase
from typing import Any, ClassVar

from crypto_platform.sources.base import BarDate
from crypto_platform.sources.files.coins import Coin, CoinBy, coin_of_id, is_id
from crypto_platform.sources.files.formats import SNAPSHOT_VALUES, Format
from crypto_platform.sources.files.sheet import cells_of, header_of, key_of

_HISTORY = {name: f"{name}_usd" for name in ("open", "high", "low", "close", "volume", "market_cap")}
_SHARED = {"date": "date", "time": "date", "coin": "coin", "symbol": "symbol", "name": "name"}
_COLUMNS = {
    "history": _SHARED | _HISTORY,
    "snapshots": _SHARED
    | {name: name for name in (*SNAPSHOT_VALUES, "ath_date")}
    | {"price": "price_usd", "market_cap": "market_cap_usd", "volume": "volume_24h_usd"},
}
_NEEDS = {"history": ("date", "close_usd"), "snapshots": ("date", "coin", "price_usd")}
_KEYS = {"header", "kind", "columns", "date_format", "day", "delimiter", "decimal", "complete"}


class GuideError(ValueError):
    """A helper file that cannot be used; the sentence names the line."""


@dataclass(frozen=True)
class Guide:
    """What people say of their files. The first coin whose pattern fits a file's name is the file's."""

    COINS_FILE: ClassVar[str] = "coins.csv"
    FORMATS_FILE: ClassVar[str] = "formats.toml"

    coins: tuple[tuple[str, Coin], ...] = ()
    formats: tuple[Format, ...] = ()

    @classmethod
    def parse(cls, coins_csv: bytes | None, formats_toml: bytes | None) -> Guide:
        return cls(_coins(coins_csv or b""), _formats(formats_toml or b""))

    def coin_for(self, file: str) -> Coin | None:
        """The coin that coins.csv gives a file."""
        name = file.lower()
        return next(
            (coin for pattern, coin in self.coins if name == pattern.lower() or fnmatchcase(name, pattern.lower())),
            None,
        )


def with_coin(coins_csv: bytes, file: str, coin: str) -> bytes:
    """A coins.csv that says first of all which coin a file is of; raises what is wrong with the old one or the new."""
    Guide.parse(coins_csv, None)
    header, _, rest = _text(coins_csv, Guide.COINS_FILE).lstrip().partition("\n")
    names, delimiter = header_of(header or "file,coin")
    told = {"file": glob.escape(file), "coin": coin}
    out = io.StringIO()
    line = [told[key_of(name)] for name in names]
    csv.writer(out, delimiter=delimiter, lineterminator="\n").writerow(line)
    content = f"{header.rstrip() or 'file,coin'}\n{out.getvalue()}{rest}".encode()
    Guide.parse(content, None)
    return content


def _text(content: bytes, file: str) -> str:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise GuideError(f"Line {line} of {file} is not UTF-8; save it as UTF-8.") from None
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _coins(content: bytes) -> tuple[tuple[str, Coin], ...]:
    file = Guide.COINS_FILE
    lines = [(number, text) for number, text in enumerate(_text(content, file).split("\n"), 1) if text.strip()]
    if not lines:
        return ()
    header, delimiter = header_of(lines[0][1])
    keys = [key_of(name) for name in header]
    if sorted(keys) != ["coin", "file"]:
        raise GuideError(f"Line {lines[0][0]} of {file} must be the header `file,coin`.")
    coins = []
    for number, text in lines[1:]:
        cells, fault = cells_of(text, delimiter, len(keys))
        if fault:
            raise GuideError(f"Line {number} of {file} cannot be read: {fault}.")
        told = {key: (cell or "").strip() for key, cell in zip(keys, cells, strict=True)}
        if not told["file"]:
            raise GuideError(f"Line {number} of {file} names no file.")
        if not is_id(told["coin"]):
            raise GuideError(
                f"Line {number} of {file} names no coin that can be known: {told['coin']!r}; "
                "write the platform's id as in bitcoin, or a vendor's as in yahoo:BTC-USD."
            )
        coins.append((told["file"], coin_of_id(told["coin"])))
    return tuple(coins)


def _formats(content: bytes) -> tuple[Format, ...]:
    text = _text(content, Guide.FORMATS_FILE)
    try:
        tables = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        line = re.search(r"at line ([0-9]+)", str(error))
        number = line[1] if line else text.count("\n") + 1
        raise GuideError(f"Line {number} of {Guide.FORMATS_FILE} is not TOML: {error}.") from None
    return tuple(_format(name, table, text) for name, table in tables.items())


def _format(name: str, table: Any, text: str) -> Format:
    def refuse(why: str) -> GuideError:
        return GuideError(f"Line {_line_of(name, text)} of {Guide.FORMATS_FILE}: the format {name} {why}.")

    if not isinstance(table, dict):
        raise refuse("must be a table, as in [my-exchange]")
    unknown = sorted(table.keys() - _KEYS)
    if unknown:
        raise refuse(f"says {unknown[0]!r}, which is not one of {', '.join(sorted(_KEYS))}")
    header = table.get("header")
    if not isinstance(header, list) or not header or not all(isinstance(column, str) for column in header):
        raise refuse('needs header = ["…", …], the columns that a file must have')
    said: dict[str, Any] = {
        "day": "same",
        "decimal": ".",
        "delimiter": None,
        "date_format": None,
        "complete": False,
    } | table
    for key, allowed in (("kind", ("history", "snapshots")), ("day", ("same", "previous")), ("decimal", (".", ","))):
        if said.get(key) not in allowed:
            raise refuse(f"needs {key} to be one of {', '.join(repr(value) for value in allowed)}")
    if said["delimiter"] is not None and said["delimiter"] not in (",", ";", "\t", "|"):
        raise refuse("needs delimiter to be a comma, a semicolon, a tab or a bar")
    if not isinstance(said["complete"], bool):
        raise refuse("needs complete to be true or false")
    if said["date_format"] is not None and not _is_date_format(said["date_format"]):
        raise refuse(f"has a date_format that is no pattern of strptime and not epoch: {said['date_format']!r}")
    columns = _columns(said, refuse)
    return Format(
        name,
        said["kind"],
        columns,
        needs=(),
        header=tuple(key_of(column) for column in header),
        coin=CoinBy.ID if "coin" in columns else CoinBy.FILE,
        day_of=BarDate.PREVIOUS_DAY if said["day"] == "previous" else BarDate.SAME_DAY,
        may_be_running=not said["complete"],
        date_format=said["date_format"],
        delimiter=said["delimiter"],
        decimal=said["decimal"],
    )


def _columns(said: dict[str, Any], refuse: Any) -> dict[str, tuple[str, ...]]:
    known = _COLUMNS[said["kind"]]
    told = said.get("columns")
    if not isinstance(told, dict) or not all(isinstance(column, str) for column in told.values()):
        raise refuse("needs columns = {date = \"…\", …}, the platform's names and the file's")
    unknown = sorted(told.keys() - known.keys())
    if unknown:
        raise refuse(f"maps {unknown[0]!r}, which is not one of {', '.join(known)}")
    columns: dict[str, tuple[str, ...]] = {known[name]: (key_of(column),) for name, column in told.items()}
    missing = [need for need in _NEEDS[said["kind"]] if need not in columns]
    if missing:
        raise refuse(f"does not say which column is the {missing[0].removesuffix('_usd')}")
    return columns


def _is_date_format(value: object) -> bool:
    if not isinstance(value, str):
        return False
    try:
        day = datetime(2020, 12, 31)  # noqa: DTZ001 - only its text matters
        return value == "epoch" or datetime.strptime(day.strftime(value), value).year == 2020  # noqa: DTZ007
    except (ValueError, re.error):
        return False


def _line_of(name: str, text: str) -> int:
    """The line a format begins on; TOML's reader does not tell."""
    for number, line in enumerate(text.split("\n"), 1):
        if re.match(rf"\s*\[?\s*[\"']?{re.escape(name)}\b", line):
            return number
    return 1
