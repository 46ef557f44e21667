"""Files that people drop, read into rows: bytes in, rows out. No storage, no clock and no Dagster here.

What is read as what is told in `docs/csv-files.md`.
"""

from __future__ import annotations

from crypto_platform.sources.files.guide import Guide, GuideError, with_coin
from crypto_platform.sources.files.reader import read_file
from crypto_platform.sources.files.reading import Reading, Rejected, UnreadableFileError

__all__ = ["Guide", "GuideError", "Reading", "Rejected", "UnreadableFileError", "read_file", "with_coin"]
