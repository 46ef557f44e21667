"""Parts that many tests share: one real PostgreSQL for the session, a migrated database of its own for each test."""

from __future__ import annotations

import itertools
import tempfile
from collections.abc import Iterator

import psycopg
import pytest

from crypto_platform.settings import load_settings
from crypto_platform.warehouse import Warehouse, migrate, open_warehouse
from crypto_platform.warehouse.address import Address

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def shared_server() -> Iterator[Warehouse]:
    """An embedded server with a migrated and otherwise empty database; tests take `warehouse` and leave this alone.

    Its home is not pytest's: another session would shut the server's own user out of that folder.
    """
    with tempfile.TemporaryDirectory(prefix="crypto-platform-tests-") as home:
        settings = load_settings(home=home, warehouse="embedded", _env_file=None)
        with open_warehouse(settings) as opened:
            migrate(opened)
            yield opened


@pytest.fixture
def warehouse(shared_server: Warehouse) -> Iterator[Warehouse]:
    """An empty, migrated warehouse of this test alone."""
    name = f"test_{next(_numbers)}"
    admin = Address.parse(shared_server.writer_url).parameters | {"user": "postgres", "dbname": "postgres"}
    with psycopg.connect(**admin, autocommit=True) as connection:  # type: ignore[arg-type]
        connection.execute(f"create database {name} template crypto owner crypto_writer")
    writer, reader = (
        Address(Address.parse(url).parameters | {"dbname": name})
        for url in (shared_server.writer_url, shared_server.reader_url)
    )
    with Warehouse(writer, reader) as opened:
        yield opened
    with psycopg.connect(**admin, autocommit=True) as connection:  # type: ignore[arg-type]
        connection.execute(f"drop database {name} with (force)")
