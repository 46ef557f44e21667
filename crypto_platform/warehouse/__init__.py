"""The warehouse: a PostgreSQL, embedded or by URL, its schema, and how partitions are published to it. No Dagster."""

from crypto_platform.warehouse.connections import Connection, Warehouse, open_warehouse
from crypto_platform.warehouse.errors import WarehouseError, WarehouseUnavailableError
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
    "Connection",
    "Publication",
    "Published",
    "Slot",
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
