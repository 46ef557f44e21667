"""The lake: every answer, the append-only raw objects and one object per derived partition. No Dagster, no SQL."""

from crypto_platform.lake.lake import Lake, LakeSlice, Promotion, Rejection
from crypto_platform.lake.parquet import INPUTS
from crypto_platform.lake.store import LakeError

__all__ = ["INPUTS", "Lake", "LakeError", "LakeSlice", "Promotion", "Rejection"]
