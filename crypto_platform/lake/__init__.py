"""The lake: every answer, the append-only raw objects and one object per derived partition. No Dagster, no SQL."""

from crypto_platform.lake.lake import Lake, LakeError, LakeSlice, Promotion, Rejection

__all__ = ["Lake", "LakeError", "LakeSlice", "Promotion", "Rejection"]
