"""`doctor`: looks at everything the platform stands on and says what to do about each fault."""

from __future__ import annotations

import platform as machine
import shutil
import socket
import tempfile
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from crypto_platform.cli.console import err, out, print_json, sentences
from crypto_platform.cli.session import open_platform
from crypto_platform.evidence import curated_ids
from crypto_platform.settings import Settings, SettingsError, load_settings

if TYPE_CHECKING:
    from crypto_platform.platform import Platform
    from crypto_platform.sources.base import Source
    from crypto_platform.sources.http import Answer, Http

_LEAST_FREE_BYTES = 1 << 30


@dataclass(frozen=True)
class Diagnosis:
    """One thing that was looked at; `remedy` says what to do where it is not well."""

    what: str
    well: bool
    found: str
    remedy: str = ""


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
@sentences
def doctor(as_json: bool) -> None:
    """Check settings, stores, vendors, disk, ports and versions; exit 1 if anything is amiss."""
    with _settings_to_look_at() as settings, open_platform(settings, vendors=True) as opened:
        looks: list[Callable[[Platform], Diagnosis]] = [
            _versions,
            _disk,
            _lake,
            _warehouse,
            _engine,
            _ports,
            *_vendors(),
        ]
        diagnoses = [_looked(look, opened) for look in looks]
    if as_json:
        print_json([asdict(diagnosis) for diagnosis in diagnoses])
    else:
        for diagnosis in diagnoses:
            mark = "[green]✓[/]" if diagnosis.well else "[red]✗[/]"
            out.print(f"{mark} [bold]{diagnosis.what}[/]  {diagnosis.found}")
            if not diagnosis.well:
                out.print(f"    {diagnosis.remedy}", style="yellow")
    amiss = sum(not diagnosis.well for diagnosis in diagnoses)
    if amiss:
        err.print(f"{amiss} of {len(diagnoses)} are amiss.", style="bold red")
        raise SystemExit(1)


@contextmanager
def _settings_to_look_at() -> Iterator[Settings]:
    """Looking makes no home: where there is none yet, the stores are tried in a passing one."""
    settings = load_settings()
    if settings.home_dir.exists():
        yield settings
        return
    with tempfile.TemporaryDirectory(prefix="crypto-platform-doctor-") as folder:
        yield settings.model_copy(update={"home": Path(folder)})


def _looked(look: Callable[[Platform], Diagnosis], opened: Platform) -> Diagnosis:
    try:
        return look(opened)
    except SettingsError:
        raise
    except Exception as error:
        what = (look.__doc__ or look.__name__).strip().rstrip(".")
        return Diagnosis(
            what, False, " ".join(str(error).split()), "Put this right, then run `crypto-platform doctor` again."
        )


def _versions(_opened: Platform) -> Diagnosis:
    """Versions."""
    import dagster
    import duckdb

    found = f"Python {machine.python_version()}, Dagster {dagster.__version__}, DuckDB {duckdb.__version__}"
    return Diagnosis("Versions", True, found)


def _disk(opened: Platform) -> Diagnosis:
    """Disk."""
    free = shutil.disk_usage(opened.home).free
    return Diagnosis(
        "Disk",
        free >= _LEAST_FREE_BYTES,
        f"{free / 1e9:,.1f} GB free under {opened.home}",
        "Free at least 1 GB, or set CRYPTO_HOME to a disk with room.",
    )


def _lake(opened: Platform) -> Diagnosis:
    """Lake."""
    key = f"_probe.{uuid.uuid4()}"
    store = opened.lake.store
    first, second = store.put_if_absent(key, b"1"), store.put_if_absent(key, b"2")
    kept = store.read(key)
    store.delete(key)
    return Diagnosis(
        "Lake",
        (first, second, kept) == (True, False, b"1"),
        f"{opened.settings.lake_root} takes an object once and refuses a second one",
        "This store overwrites objects that exist; the lake needs one that refuses to.",
    )


def _warehouse(opened: Platform) -> Diagnosis:
    """Warehouse."""
    with opened.warehouse.connect() as connection, opened.warehouse.reader() as reader:
        version = connection.execute("show server_version").fetchone()
        count = connection.execute("select count(*) from ops.migrations").fetchone()
        can_write = reader.execute(
            "select bool_or(has_table_privilege(oid, 'insert, update, delete')) from pg_class "
            "where relnamespace = 'gold'::regnamespace"
        ).fetchone()
    found = f"PostgreSQL {version[0] if version else '?'}, {count[0] if count else 0} migrations applied"
    return Diagnosis(
        "Warehouse",
        not (can_write and can_write[0]),
        f"{found}, and its reader only reads",
        "The reader role may write; take its rights on the schema gold away.",
    )


def _engine(opened: Platform) -> Diagnosis:
    """Engine."""
    with opened.engine.ask("select 6 * 7 as answer", {}, opened.lake.store.uri("")) as batches:
        answer = batches.read_all().column("answer").to_pylist()[0]
    settings = opened.settings
    return Diagnosis(
        "Engine", answer == 42, f"{settings.engine}, {settings.engine_threads} threads, {settings.engine_memory}", ""
    )


def _ports(opened: Platform) -> Diagnosis:
    """Ports."""
    port = opened.settings.dagster_port
    with socket.socket() as probe:
        taken = port != 0 and probe.connect_ex(("127.0.0.1", port)) == 0
    if taken and (opened.home / "up.lock").exists():
        return Diagnosis("Ports", True, f"{port} is used, by this home's `crypto-platform up`")
    return Diagnosis(
        "Ports",
        not taken,
        f"{port} is {'used by another program' if taken else 'free'}",
        "Set CRYPTO_DAGSTER_PORT to a free port before `crypto-platform up`.",
    )


def _vendors() -> list[Callable[[Platform], Diagnosis]]:
    """One look for each source that is asked."""
    from crypto_platform.sources import SOURCES

    def look_at(name: str) -> Callable[[Platform], Diagnosis]:
        def look(opened: Platform) -> Diagnosis:
            from crypto_platform.sources import source_named
            from crypto_platform.sources.errors import UpstreamError

            settings = opened.settings.model_copy(update={"max_retries": 0, "http_timeout": 10.0})
            settings = settings.with_vendor(name, top=1)
            source = source_named(name).from_settings(settings)
            http = source.http(settings, opened.clock, lambda _answer, _reason: None)
            remedy = "See what the vendor says of its state and your key; the platform goes on without it and retries."
            try:
                answer = _one_answer(source, http, opened)
            except UpstreamError as error:
                return Diagnosis(f"Vendor {name}", False, str(error), remedy)
            return Diagnosis(f"Vendor {name}", True, f"answers with {answer.status}")

        look.__doc__ = f"Vendor {name}."
        return look

    return [look_at(name) for name, source in SOURCES.items() if not source.from_files]


def _one_answer(source: Source, http: Http, opened: Platform) -> Answer:
    """The smallest thing a source is ever asked."""

    def ask(_page: int, path: str, params: Mapping[str, str]) -> Answer:
        return http.get(path, params)

    if source.has_snapshots:
        return next(source.snapshot(ask))
    today = opened.clock().date()
    coin = next(iter(curated_ids(source.name, opened.settings.crosswalk_file)))
    return source.history(ask, 1, coin, today - timedelta(days=2), today)
