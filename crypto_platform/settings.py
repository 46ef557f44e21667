"""Every setting of the platform, read from the environment and `.env`; nothing here touches a store or the network."""

from __future__ import annotations

from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    AliasChoices,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
)
from pydantic_settings import BaseSettings, SettingsConfigDict
from pydantic_settings import SettingsError as UnreadableSettingError

World = Literal["live", "sandbox"]


class SettingsError(Exception):
    """A setting has a value the platform cannot work with."""


def _named(crypto_name: str, *known: str) -> AliasChoices:
    """The platform's own name first, then the names people already have in their environments."""
    return AliasChoices(crypto_name, *known)


def _five_fields(value: str) -> str:
    if len(value.split()) != 5:
        raise ValueError("a cron has five fields, like `0 * * * *`")
    return value


Cron = Annotated[str, AfterValidator(_five_fields)]


class Vendor(BaseModel):
    """What may be said of one vendor: `CRYPTO_<VENDOR>_URL` and so on. What is not said, its source decides."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    url: str | None = Field(None, description="The base URL; by default the plan's own host.")
    api_key: SecretStr | None = Field(None, description="The key, where the plan has one.")
    plan: str | None = Field(None, description="The plan; by default the free one, or with a key the one it is for.")
    top: int | None = Field(None, ge=1, le=50_000, description="How many coins a snapshot asks for, by market cap.")
    per_minute: int | None = Field(None, ge=1, description="Requests a minute; by default those of the plan.")
    per_month: int | None = Field(None, ge=0, description="Requests a month; by default those of the plan.")


class _VendorOfEnvironment(BaseSettings, Vendor):
    """The same, read from the environment by the vendor's prefix."""

    model_config = SettingsConfigDict(env_file=".env", env_ignore_empty=True, extra="ignore", frozen=True)


class _KnownKey(BaseSettings):
    """The vendor's key under the name people already have: `<VENDOR>_API_KEY`."""

    model_config = SettingsConfigDict(env_file=".env", env_ignore_empty=True, extra="ignore", frozen=True)
    api_key: SecretStr | None = None


class Settings(BaseSettings):
    """The whole tree. Field names are the environment's names without the prefix `CRYPTO_`, in lower case."""

    model_config = SettingsConfigDict(
        env_prefix="CRYPTO_", env_file=".env", env_ignore_empty=True, extra="ignore", populate_by_name=True, frozen=True
    )

    # Stores
    home: Path = Field(Path(".crypto-platform"), description="Where embedded stores, logs and locks live.")
    lake: str | None = Field(None, description="The lake's root: a folder; by default `lake` in the home.")
    warehouse: str = Field(
        "embedded",
        validation_alias=_named("CRYPTO_WAREHOUSE", "DATABASE_URL"),
        description="`embedded`, or the URL of a PostgreSQL the writer role can use.",
    )
    warehouse_reader: str | None = Field(
        None, description="The URL of the same PostgreSQL for the role that only reads; unused when embedded."
    )
    postgres_user: str | None = Field(
        None,
        validation_alias=_named("CRYPTO_POSTGRES_USER", "POSTGRES_USER"),
        description="The user, where the warehouse's URL names none.",
    )
    postgres_password: SecretStr | None = Field(
        None,
        validation_alias=_named("CRYPTO_POSTGRES_PASSWORD", "POSTGRES_PASSWORD"),
        description="The password, where the warehouse's URL holds none.",
    )
    postgres_db: str | None = Field(
        None,
        validation_alias=_named("CRYPTO_POSTGRES_DB", "POSTGRES_DB"),
        description="The database, where the warehouse's URL names none.",
    )
    staging_days: int = Field(30, ge=1, description="Days of raw snapshots the warehouse mirrors.")
    engine: Literal["duckdb"] = Field("duckdb", description="What runs the SQL.")
    engine_memory: str = Field("400MB", pattern=r"^\d+(\.\d+)?\s?[KMGT]i?B$", description="DuckDB's memory limit.")
    engine_threads: int = Field(2, ge=1, description="DuckDB's threads.")

    # World
    upstream: Literal["live", "sandbox"] | None = Field(
        None,
        description="`live` or `sandbox`; unset, a home keeps the world it was made in (a new one is live).",
    )
    history_start: date = Field(date(2013, 1, 1), description="The first month of history.")
    snapshot_start: date = Field(date(2026, 1, 1), description="The first day of snapshots.")
    crosswalk_file: Path | None = Field(
        None, description="The curated identities; by default the shipped curated.csv, whose shape it has."
    )
    source_order: tuple[str, ...] = Field(
        ("yahoo", "coingecko", "coinpaprika", "csv"), description="Which source is preferred where all else is equal."
    )
    settling_hours: float = Field(
        4, ge=0, description="Hours after midnight UTC before a finished bar counts as final."
    )
    trailing_days: int = Field(7, ge=1, description="How far back the daily close asks for history again.")

    # Vendors
    vendors: dict[str, Vendor] = Field(
        {}, description="What is said of each vendor as one JSON object, instead of by the names of their own."
    )
    universe_size: int = Field(
        250, ge=1, description="How many of a source's largest coins make the universe of a day."
    )
    history_top: int | None = Field(
        None, ge=1, description="How many of the curated coins vendors are asked for history of; all by default."
    )
    csv_file_path: Path | None = Field(
        None,
        validation_alias=_named("CRYPTO_CSV_FILE_PATH", "CSV_FILE_PATH"),
        description="A CSV file to start with: it is copied into the drop folder.",
    )
    resume_minutes: float = Field(
        15, ge=0, description="How old an unfinished snapshot may be for the next run to go on with it."
    )

    # HTTP
    max_retries: int = Field(
        3,
        ge=0,
        le=20,
        validation_alias=_named("CRYPTO_MAX_RETRIES", "MAX_RETRIES"),
        description="How often a request is made again after a passing failure.",
    )
    initial_retry_delay: float = Field(
        1.0,
        ge=0,
        validation_alias=_named("CRYPTO_INITIAL_RETRY_DELAY", "INITIAL_RETRY_DELAY"),
        description="Seconds before the first try again; they double from try to try.",
    )
    max_retry_delay: float = Field(
        60.0,
        ge=0,
        validation_alias=_named("CRYPTO_MAX_RETRY_DELAY", "MAX_RETRY_DELAY"),
        description="The longest wait between two tries, unless the vendor asks for a longer one.",
    )
    rate_limit_delay: float | None = Field(
        None,
        ge=0,
        validation_alias=_named("CRYPTO_RATE_LIMIT_DELAY", "RATE_LIMIT_DELAY"),
        description="Seconds between two requests to one vendor: 0.5, and none against the sandbox.",
    )
    http_timeout: float = Field(30.0, gt=0, description="Seconds until a whole answer must have arrived.")

    # Operation (crons are UTC)
    snapshot_cron: Cron = Field("0 * * * *", description="When snapshots are taken; `0 5,17 * * *` is twice a day.")
    daily_close_cron: Cron = Field(
        "15 4 * * *", description="When yesterday is made once more and the trailing window of history is asked for."
    )
    coins_cron: Cron = Field("30 3 * * *", description="When the vendors' lists of coins are asked for.")
    dagster_port: int = Field(3000, ge=0, le=65_535, description="The port of the Dagster UI.")
    sandbox_port: int = Field(8001, ge=0, le=65_535, description="The port of the simulated market under `up`.")
    sandbox_url: str | None = Field(None, description="A sandbox that is already running.")
    sandbox_seed: int = Field(7, ge=0, description="Another seed, another simulated market.")
    sandbox_coins: int = Field(1_000, ge=10, le=20_000, description="How many coins the simulated market lists.")
    log_level: Annotated[
        Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"],
        BeforeValidator(lambda value: value.upper() if isinstance(value, str) else value),
    ] = Field("INFO", validation_alias=_named("CRYPTO_LOG_LEVEL", "LOG_LEVEL"), description="How much is logged.")

    @cached_property
    def home_dir(self) -> Path:
        return self.home.expanduser().absolute()

    @property
    def lake_root(self) -> str:
        return self.lake or str(self.home_dir / "lake")

    @property
    def scratch_dir(self) -> Path:
        """Candidates, spills and temporary files; safe to delete when nothing runs."""
        return self.home_dir / "tmp"

    def vendor(self, name: str) -> Vendor:
        """What is said of one vendor, here or in the environment."""
        try:
            said = _VendorOfEnvironment(_env_prefix=f"CRYPTO_{name.upper()}_")  # type: ignore[call-arg]
        except ValidationError as error:
            raise _refusal(error, f"CRYPTO_{name.upper()}_") from None
        known = _KnownKey(_env_prefix=f"{name.upper()}_")  # type: ignore[call-arg]
        values = {"api_key": known.api_key, **said.model_dump(exclude_unset=True)}
        here = self.vendors.get(name)
        return Vendor(**values | (here.model_dump(exclude_unset=True) if here else {}))

    def with_vendor(self, name: str, **said: object) -> Settings:
        """The same settings, but for what is said of one vendor."""
        vendor = Vendor(**self.vendor(name).model_dump(exclude_unset=True) | said)
        return self.model_copy(update={"vendors": {**self.vendors, name: vendor}})

    @property
    def request_delay(self) -> float:
        if self.rate_limit_delay is not None:
            return self.rate_limit_delay
        return 0.0 if self.upstream == "sandbox" else 0.5


def load_settings(**overrides: object) -> Settings:
    """The settings as the environment gives them, or one sentence that says which value is wrong."""
    try:
        return Settings(**overrides)  # type: ignore[arg-type]
    except ValidationError as error:
        raise _refusal(error, "CRYPTO_") from None
    except UnreadableSettingError as error:
        raise SettingsError(f"A setting cannot be read: {error}; a list or an object is written as JSON.") from None


def _refusal(error: ValidationError, prefix: str) -> SettingsError:
    first = error.errors()[0]
    name = ".".join(str(part) for part in first["loc"])
    name = name if name.isupper() else f"{prefix}{name.upper()}"
    # What is said of vendors may hold a key.
    got = "" if "VENDORS" in name or "KEY" in name or "PASSWORD" in name else f" (got {first['input']!r})"
    return SettingsError(f"The setting {name} is not usable: {first['msg']}{got}.")
