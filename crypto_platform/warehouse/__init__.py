"""The warehouse: a PostgreSQL, embedded or by URL, its schema, and how partitions are published to it. No Dagster.

Beside the tables it holds the ledger of batches and the vendors' budgets.
"""

from crypto_platform.warehouse.batches import Batch, Checkpoint
from crypto_platform.warehouse.budgets import Budgets, BudgetSpentError, Spent
from crypto_platform.warehouse.connections import Connection, Warehouse, open_warehouse
from crypto_platform.warehouse.errors import NotAddableError, WarehouseError, WarehouseUnavailableError
from crypto_platform.warehouse.migrations import migrate
from crypto_platform.warehouse.publications import (
    Publication,
    Slot,
    checksum,
    enter_world,
    publications,
    retire_staging,
    world_of,
)
from crypto_platform.warehouse.publishing import Published, lock_table, publish

__all__ = [
    "Batch",
    "BudgetSpentError",
    "Budgets",
    "Checkpoint",
    "Connection",
    "NotAddableError",
    "Publication",
    "Published",
    "Slot",
    "Spent",
    "Warehouse",
    "WarehouseError",
    "WarehouseUnavailableError",
    "checksum",
    "enter_world",
    "lock_table",
    "migrate",
    "open_warehouse",
    "publications",
    "publish",
    "retire_staging",
    "world_of",
]
