"""The lines of a file that are not landed, with every reason and as they came."""

from __future__ import annotations

import json

from crypto_platform.sources.files.owners import Owners
from crypto_platform.sources.files.reading import Faults, Rejected
from crypto_platform.sources.files.sheet import Sheet


def rejects_of(sheet: Sheet, owners: Owners, faults: Faults) -> tuple[Rejected, ...]:
    lines = sheet.lines
    return tuple(
        Rejected(lines.numbers[row], owners.id_of(row), faults.of(row), as_json(lines.numbers[row], lines.texts[row]))
        for row in faults.rows
    )


def as_json(number: int, text: str) -> str:
    return json.dumps({"line": number, "text": text}, ensure_ascii=False)
