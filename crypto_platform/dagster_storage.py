"""Where Dagster keeps its own records: the home's PostgreSQL, or memory for commands that only look at the code."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from typing import TYPE_CHECKING, Any

from dagster._core.storage.base_storage import DagsterStorage
from dagster._serdes import ConfigurableClass

if TYPE_CHECKING:
    from dagster._serdes import ConfigurableClassData

URL_VARIABLE = "CRYPTO_DAGSTER_URL"


class HomeStorage(DagsterStorage, ConfigurableClass):
    """Chosen by `dagster.yaml`: PostgreSQL where the variable is set; else, as under `dg check defs`, nothing lasts."""

    @classmethod
    def config_type(cls) -> dict[str, Any]:
        return {}

    @classmethod
    def from_config_value(  # type: ignore[override]
        cls,
        inst_data: ConfigurableClassData | None,
        config_value: dict[str, Any],  # noqa: ARG003
    ) -> DagsterStorage:
        url = os.environ.get(URL_VARIABLE)
        if url:
            import psycopg
            from dagster_postgres import DagsterPostgresStorage

            # Dagster makes its tables on the first use, and several processes of `up` come first at once.
            with psycopg.connect(url.replace("+psycopg2", ""), autocommit=True) as alone:
                alone.execute("select pg_advisory_lock(hashtext('dagster tables'))")
                return DagsterPostgresStorage(url, should_autocreate_tables=True, inst_data=inst_data)
        from dagster._core.storage.sqlite_storage import DagsterSqliteStorage

        folder = tempfile.mkdtemp(prefix="crypto-platform-dagster-")
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
        return DagsterSqliteStorage(folder, inst_data)
