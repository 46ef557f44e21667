"""The text of cells as numbers. One plain form passes as it is; a few others are unmistakable and are put into it."""

from __future__ import annotations

import re

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from crypto_platform.sources.files.reading import Faults

# What `number` in sql/functions.sql takes.
_PLAIN = {".": r"^-?[0-9]+([.][0-9]+)?([eE][+-]?[0-9]{1,4})?$", ",": r"^-?[0-9]+([eE][+-]?[0-9]{1,4})?$"}
_MISSING = pa.array(["", "-", "null", "nan", "n/a"])
_MISSING_TEXTS = frozenset(_MISSING.to_pylist())
_EXPONENT = r"(?P<exponent>[eE][+-]?[0-9]{1,4})?"
_FORMS = {
    # A lone group, as in 1,234, could be a decimal comma as well.
    ".": re.compile(
        r"(?P<sign>[+-]?)[$]?(?P<whole>[0-9]*|[0-9]{1,3}(?:,[0-9]{3}){2,}|[0-9]{1,3}(?:,[0-9]{3})+(?=[.]))"
        r"(?:[.](?P<part>[0-9]*))?" + _EXPONENT,
        re.ASCII,
    ),
    ",": re.compile(
        r"(?P<sign>[+-]?)[$]?(?P<whole>[0-9]+|[0-9]{1,3}(?:[.][0-9]{3})+)(?:,(?P<part>[0-9]*))?" + _EXPONENT,
        re.ASCII,
    ),
}


def number_texts(cells: pa.Array, what: str, decimal: str, faults: Faults) -> pa.Array:
    """Every cell as a plain number's text, null where it is missing; what is neither is a fault of its row."""
    cells = pc.if_else(pc.is_in(pc.utf8_lower(cells), value_set=_MISSING), pa.scalar(None, pa.string()), cells)
    odd = pc.fill_null(pc.invert(pc.match_substring_regex(cells, _PLAIN[decimal])), False)
    rows = np.flatnonzero(odd.to_numpy(zero_copy_only=False)).tolist()
    if not rows:
        return cells
    texts: list[str | None] = cells.to_pylist()
    for row in rows:
        text = texts[row] or ""
        texts[row] = plain_text(text, decimal)
        if texts[row] is None:
            faults.add(row, f"{what} is not a number: {text[:100]!r}")
    return pa.array(texts, pa.string())


def numbers(cells: pa.Array, what: str, decimal: str, faults: Faults) -> pa.Array:
    """Every cell as a finite number, null where it is missing."""
    values = number_texts(cells, what, decimal, faults).cast(pa.float64())
    infinite = pc.fill_null(pc.is_inf(values), False)
    for row in np.flatnonzero(infinite.to_numpy(zero_copy_only=False)).tolist():
        faults.add(row, f"{what} is not a number: {cells[row].as_py()[:100]!r}")
    return values


def is_missing(text: str) -> bool:
    return text.lower() in _MISSING_TEXTS


def plain_text(text: str, decimal: str = ".") -> str | None:
    """The same number in the plain form; None where the text is not unmistakably one."""
    found = _FORMS[decimal].fullmatch(text)
    if not found or not (found["whole"] or found["part"]):
        return None
    whole = re.sub("[,.]", "", found["whole"]) or "0"
    part = f".{found['part']}" if found["part"] else ""
    return found["sign"].replace("+", "") + whole + part + (found["exponent"] or "")
