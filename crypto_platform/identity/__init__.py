"""Which vendor id is which coin, since when, and on what evidence; never a ticker alone. No Dagster, no lake."""

from crypto_platform.identity.curated import CuratedFileError, curated_list
from crypto_platform.identity.editions import CURATED, fetch_order
from crypto_platform.identity.fold import crosswalk_of

__all__ = ["CURATED", "CuratedFileError", "crosswalk_of", "curated_list", "fetch_order"]
