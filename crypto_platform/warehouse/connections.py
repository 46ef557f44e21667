"""The warehouse's public face: open it, embedded or by URL, and connect as the writer or as the reader."""

from __future__ import annotations

from types import TracebackType
from typing import TypeAlias

import psycopg
from psycopg.conninfo import make_conninfo
from psycopg.rows import TupleRow

from crypto_platform.settings import Settings
from crypto_platform.warehouse.address import Address
from crypto_platform.warehouse.embedded import DAGSTER_DATABASE, READER, EmbeddedServer
from crypto_platform.warehouse.errors import WarehouseUnavailableError, first_line

Connection: TypeAlias = psycopg.Connection[TupleRow]
_CONNECT_SECONDS = 10


class Warehouse:
    """A PostgreSQL to publish to and to serve from. Closing it lets go of the embedded server, if it is one."""

    def __init__(self, writer: Address, reader: Address | None, server: EmbeddedServer | None = None) -> None:
        self._writer = writer
        self._reader = reader
        self._server = server

    def connect(self, *, application: str = "crypto-platform") -> Connection:
        """A connection of the writer role, in autocommit: whatever belongs together says `with conn.transaction()`."""
        return _connect(self._writer, application)

    def reader(self, *, application: str = "crypto-platform") -> Connection:
        """A connection that cannot write."""
        connection = _connect(self._reader or self._writer, application)
        connection.execute("set default_transaction_read_only = on")
        return connection

    @property
    def writer_url(self) -> str:
        return self._writer.url()

    @property
    def reader_url(self) -> str:
        return (self._reader or self._writer).url()

    @property
    def dagster_url(self) -> str:
        """Dagster's own storage, a second database of the same server, as SQLAlchemy wants it."""
        return self._writer.url("postgresql+psycopg2", DAGSTER_DATABASE)

    @property
    def embedded(self) -> bool:
        return self._server is not None

    @property
    def alive(self) -> bool:
        """Whether the embedded server's process lives; of any other server nothing is known here."""
        return self._server is None or self._server.pid is not None

    def revive(self) -> None:
        """Start the embedded server again, should it have died."""
        if self._server is not None:
            self._server.revive()

    def close(self) -> None:
        if self._server is not None:
            self._server.release()
            self._server = None

    def __enter__(self) -> Warehouse:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Warehouse({self._writer})"


def open_warehouse(settings: Settings) -> Warehouse:
    """The warehouse the settings name; an embedded one is running when this returns."""
    if settings.warehouse == "embedded":
        server = EmbeddedServer(settings.home_dir)
        server.acquire()
        return Warehouse(Address.parse(server.writer_url), Address.parse(server.reader_url), server)
    writer = Address.parse(settings.warehouse, settings.postgres_user, settings.postgres_password, settings.postgres_db)
    reader = (
        Address.parse(settings.warehouse_reader, READER, None, writer.parameters["dbname"])
        if settings.warehouse_reader
        else None
    )
    return Warehouse(writer, reader)


def _connect(address: Address, application: str) -> Connection:
    defaults = {"application_name": application, "connect_timeout": str(_CONNECT_SECONDS)}
    try:
        connection: Connection = psycopg.connect(
            make_conninfo("", **(defaults | address.parameters)),
            autocommit=True,
        )
    except psycopg.Error as error:
        raise WarehouseUnavailableError(
            f"The warehouse at {address} cannot be reached: {address.hide(first_line(error))}."
        ) from None
    if connection.info.parameter_status("TimeZone") != "UTC":  # casts of timestamps to dates follow it
        connection.execute("set timezone = 'UTC'")
    return connection
