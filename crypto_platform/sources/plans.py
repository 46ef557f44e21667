"""What the settings say of a vendor's plan, key and budget. Which plans there are, each vendor's own file says."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, TypeVar

from crypto_platform.sources.base import RateBudget
from crypto_platform.sources.errors import Permanent

if TYPE_CHECKING:
    from crypto_platform.settings import Settings

PlanT = TypeVar("PlanT", bound=str)


def plan_of(settings: Settings, source: str, plans: Sequence[PlanT], with_key: PlanT) -> PlanT:
    """The plan that is said; else the first of them, or with a key the one it is for."""
    from crypto_platform.settings import SettingsError

    said = settings.vendor(source).plan
    if said is None:
        return with_key if _key(settings, source) else plans[0]
    for plan in plans:
        if plan == said.strip().lower():
            return plan
    known = f"{', '.join(plans[:-1])} or {plans[-1]}"
    raise SettingsError(f"The setting CRYPTO_{source.upper()}_PLAN is not usable: it can be {known} (got {said!r}).")


def budget_of(settings: Settings, source: str, default: RateBudget) -> RateBudget:
    """The plan's budget but for what is said; nobody minds how fast the simulated market is asked."""
    vendor = settings.vendor(source)
    per_minute = None if settings.upstream == "sandbox" else default.per_minute
    return RateBudget(
        per_minute=per_minute if vendor.per_minute is None else vendor.per_minute,
        per_month=default.per_month if vendor.per_month is None else vendor.per_month,
    )


def key_header(settings: Settings, source: str, plan: str, header: str | None, without_key: str) -> dict[str, str]:
    """The header that carries the key, where the plan has one; `without_key` is the plan that needs none."""
    if header is None:
        return {}
    name, key = f"CRYPTO_{source.upper()}_API_KEY", _key(settings, source)
    if not key:
        raise Permanent(f"The {plan} plan of {source} needs a key; set {name}, or the plan to {without_key}.")
    if not (key.isascii() and key.isprintable()):
        raise Permanent(f"{name} holds characters that no key has; copy it again.")
    return {header: key}


def _key(settings: Settings, source: str) -> str:
    key = settings.vendor(source).api_key
    return key.get_secret_value().strip() if key else ""
