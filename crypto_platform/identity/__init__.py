"""Which vendor id is which coin. Evidence, never a ticker; the curated file is the first of it. No Dagster."""

from crypto_platform.identity.curated import crosswalk_rows, history_universe

__all__ = ["crosswalk_rows", "history_universe"]
