"""The lake: every answer, the append-only raw objects and one object per derived partition. No Dagster, no SQL."""

from crypto_platform.lake.lake import Lake, Promotion, Rejection
from crypto_platform.lake.parquet import INPUTS, MADE_OF
from crypto_platform.lake.slices import LakeSlice
from crypto_platform.lake.store import LakeError

__all__ = ["INPUTS", "MADE_OF", "Lake", "LakeError", "LakeSlice", "Promotion", "Rejection"]
