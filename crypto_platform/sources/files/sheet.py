"""A file's bytes as lines of text and columns of cells. What the columns mean is not known here.

A line is a row: a cell that spans lines is not read, so that one open quote cannot swallow the rest of a file.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from crypto_platform.sources.files.reading import Faults, UnreadableFileError

LONGEST_LINE = 100_000
Columns = Callable[[int], pa.Array]

_DELIMITERS = (",", ";", "\t", "|")
_NOTHING = " \t,;|"
_CHUNK = 10_000
_ARCHIVES = {b"PK\x03\x04": "an Excel workbook or a ZIP archive", b"\x1f\x8b": "a gzip archive"}


@dataclass(frozen=True)
class Lines:
    """The lines that hold anything, and their numbers in the file, from 1."""

    texts: tuple[str, ...]
    numbers: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.texts)

    def after(self, count: int) -> Lines:
        return Lines(self.texts[count:], self.numbers[count:])


@dataclass(frozen=True)
class Sheet:
    """A header and the lines of data under it."""

    name: str
    header: tuple[str, ...]
    lines: Lines
    delimiter: str
    ticker: str | None = None
    """What a header of several lines says the columns are of."""

    @cached_property
    def keys(self) -> tuple[str, ...]:
        """The header's names as they are compared."""
        return tuple(key_of(name) for name in self.header)

    def columns(self, places: Iterable[int], faults: Faults) -> dict[int, pa.Array]:
        """Some columns as text, one cell per line; all cells of a line that does not fit the header are null."""
        chunks: dict[int, list[pa.Array]] = {place: [] for place in places}
        for start in range(0, len(self.lines), _CHUNK):
            texts = self.lines.texts[start : start + _CHUNK]
            columns = self._columns_of_plain(texts) or self._columns_of_any(texts, start, faults)
            for place, parts in chunks.items():
                parts.append(pc.utf8_trim_whitespace(columns(place)))
        return {place: pa.chunked_array(parts, pa.string()).combine_chunks() for place, parts in chunks.items()}

    def _columns_of_plain(self, texts: Sequence[str]) -> Columns | None:
        """The quick way, for lines that have no quotes and all fit; None for others."""
        if any('"' in text for text in texts):
            return None
        rows = pc.split_pattern(pa.array(texts, pa.string()), self.delimiter)
        if not pc.all(pc.equal(pc.list_value_length(rows), len(self.header))).as_py():
            return None
        cells, width = pc.list_flatten(rows), len(self.header)
        return lambda place: cells.take(pa.array(np.arange(place, len(cells), width)))

    def _columns_of_any(self, texts: Sequence[str], start: int, faults: Faults) -> Columns:
        rows = []
        for row, text in enumerate(texts, start):
            cells, fault = cells_of(text, self.delimiter, len(self.header))
            if fault:
                faults.add(row, fault)
            rows.append(cells)
        return lambda place: pa.array([cells[place] for cells in rows], pa.string())


def key_of(name: str) -> str:
    """A header's name as it is compared: `Adj Close`, `adj_close` and `AdjClose` are one."""
    return re.sub(r"[\s_.\-]+", "", name).lower()


def cells_of(text: str, delimiter: str, width: int) -> tuple[list[str] | list[None], str | None]:
    """A line's cells, or as many nulls and what is wrong with the line."""
    if '"' not in text:
        cells = text.split(delimiter)
    else:
        try:
            cells = next(csv.reader([text], delimiter=delimiter, strict=True))
        except csv.Error as error:
            return [None] * width, f"its quotes cannot be read: {error}"
    if len(cells) != width:
        return [None] * width, f"it has {len(cells)} cells where the header has {width}"
    return cells, None


def header_of(text: str, delimiter: str | None = None) -> tuple[tuple[str, ...], str]:
    """The names in a header, and the delimiter that stands between them."""
    bare = re.sub(r'"[^"]*"', "", text)
    delimiter = delimiter or max(_DELIMITERS, key=bare.count)
    cells = next(csv.reader([text], delimiter=delimiter), [])
    return tuple(cell.strip() for cell in cells), delimiter


def lines_of(name: str, content: bytes) -> Lines:
    """The lines of a file; raises what makes it no table at all."""
    text = text_of(name, content)
    if not text.strip():
        raise UnreadableFileError(f"{name} is empty.")
    parts = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    for number, part in enumerate(parts, 1):
        if len(part) > LONGEST_LINE:
            raise UnreadableFileError(f"{name} is no table: its line {number} is {len(part):,} characters long.")
    numbers = tuple(number for number, part in enumerate(parts, 1) if part.strip(_NOTHING))
    if not numbers:
        raise UnreadableFileError(f"{name} holds nothing but empty lines.")
    return Lines(tuple(parts[number - 1] for number in numbers), numbers)


def text_of(name: str, content: bytes) -> str:
    """The text of a file in UTF-8, or in UTF-16 where it begins with a byte order mark."""
    for magic, what in _ARCHIVES.items():
        if content.startswith(magic):
            raise UnreadableFileError(f"{name} is {what}, not text; drop the CSV file itself.")
    marked = content.startswith((b"\xff\xfe", b"\xfe\xff"))
    encoding = "UTF-16" if marked else "UTF-8"
    try:
        text = content.decode("utf-16" if marked else "utf-8-sig")
    except UnicodeDecodeError as error:
        raise UnreadableFileError(
            f"{name} is not {encoding} text at byte {error.start}; save it as a CSV file in UTF-8."
        ) from None
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise UnreadableFileError(f"{name} holds a NUL character on line {line}, so it is not text; save it as UTF-8.")
    return text
