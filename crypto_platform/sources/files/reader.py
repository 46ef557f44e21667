"""From a file's name and bytes to what it holds: which format it is, and who reads its rows."""

from __future__ import annotations

import re
from datetime import date, datetime

from crypto_platform.sources.files.coins import yahoo_symbols
from crypto_platform.sources.files.formats import BUILT_IN, Format, Recognised, candle_header
from crypto_platform.sources.files.guide import Guide
from crypto_platform.sources.files.history import history_of
from crypto_platform.sources.files.reading import Reading, UnreadableFileError
from crypto_platform.sources.files.sheet import Lines, Sheet, header_of, key_of, lines_of
from crypto_platform.sources.files.snapshots import snapshots_of

_PREAMBLE = re.compile(r"cryptodatadownload", re.IGNORECASE)


def read_file(
    name: str, content: bytes, guide: Guide, read_at: datetime, history_start: date, snapshot_start: date
) -> Reading:
    """All rows of a dropped file; raises UnreadableFileError where it cannot be used as a whole."""
    name = name.rpartition("/")[2]
    sheet, found = _recognised(name, lines_of(name, content), guide)
    _refuse_columns_that_repeat(sheet, found)
    if not len(sheet.lines):
        raise UnreadableFileError(f"{name} has a header and no rows.")
    if found.format.kind == "snapshots":
        return snapshots_of(sheet, found, guide, read_at, snapshot_start)
    return history_of(sheet, found, guide, read_at, history_start)


def _recognised(name: str, lines: Lines, guide: Guide) -> tuple[Sheet, Recognised]:
    for format_ in guide.formats:
        header, delimiter = header_of(lines.texts[0], format_.delimiter)
        sheet = Sheet(name, header, lines.after(1), delimiter)
        if format_.takes(sheet.keys, is_named=False):
            return sheet, Recognised(format_, _places_as_told(sheet, format_))
    sheet, marks = _sheet(name, lines)
    is_named = bool(yahoo_symbols(name)) or sheet.ticker is not None
    for format_ in BUILT_IN:
        if format_.takes((*sheet.keys, *marks), is_named):
            return sheet, Recognised(format_, format_.places(sheet.keys))
    raise UnreadableFileError(
        f"{name} has a header that is not known: {', '.join(sheet.header)[:200]}. docs/csv-files.md tells the formats, "
        "and how to describe one of your own in drop/formats.toml."
    )


def _places_as_told(sheet: Sheet, format_: Format) -> dict[str, int]:
    for column, (key, *_) in format_.columns.items():
        if key not in sheet.keys:
            raise UnreadableFileError(
                f"{sheet.name} is of the format {format_.name}, but has no column for {column.removesuffix('_usd')} "
                "as formats.toml names it."
            )
    return format_.places(sheet.keys)


def _sheet(name: str, lines: Lines) -> tuple[Sheet, tuple[str, ...]]:
    """The header and its rows, and what the lines above the header say of them."""
    marks: tuple[str, ...] = ()
    if len(lines) > 1 and _PREAMBLE.search(lines.texts[0]):
        lines, marks = lines.after(1), ("source:cryptodatadownload",)
    header, delimiter = header_of(lines.texts[0])
    candles = candle_header(header)
    if candles:
        return Sheet(name, candles, lines, delimiter), marks
    return _with_ticker(name, lines, delimiter) or Sheet(name, header, lines.after(1), delimiter), marks


def _with_ticker(name: str, lines: Lines, delimiter: str) -> Sheet | None:
    """A file as pandas writes columns of two levels: what is priced, and of which ticker, in either order."""
    above = [header_of(text, delimiter)[0] for text in lines.texts[:3]]
    labels = [key_of(cells[0]) for cells in above]
    if labels[:2] == ["price", "ticker"]:
        fields, tickers = above[:2]
    elif labels[:2] == ["ticker", "price"]:
        tickers, fields = above[:2]
    else:
        return None
    named = sorted({ticker for ticker in tickers[1:] if ticker})
    if len(named) != 1 or len(fields) != len(tickers):
        raise UnreadableFileError(
            f"{name} holds {len(named)} tickers side by side ({', '.join(named)[:100]}); save one file per coin."
        )
    has_third = labels[2:] in (["date"], ["datetime"]) and not any(above[2][1:])
    return Sheet(name, ("Date", *fields[1:]), lines.after(3 if has_third else 2), delimiter, named[0])


def _refuse_columns_that_repeat(sheet: Sheet, found: Recognised) -> None:
    for place in found.places.values():
        if sheet.keys.count(sheet.keys[place]) > 1:
            raise UnreadableFileError(
                f"{sheet.name} has two columns {sheet.header[place]}; which one is meant is unknown."
            )
