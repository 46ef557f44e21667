"""What goes in and out of a vendor: a parsed request, an answer. No sockets, no prices."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final, Protocol

import msgspec

JSON: Final = "application/json; charset=utf-8"
_encode: Final = msgspec.json.Encoder().encode


@dataclass(frozen=True)
class Request:
    """A GET below a vendor's base: `path` starts with a slash, header names are in lower case."""

    path: str
    query: dict[str, str]
    headers: dict[str, str]
    now: float
    paid: bool = False
    base: str = ""

    def number(self, name: str, default: int) -> int:
        try:
            return int(float(self.query[name]))
        except (KeyError, ValueError, OverflowError):
            return default


@dataclass(frozen=True)
class Answer:
    status: int
    body: bytes
    content_type: str = JSON
    headers: dict[str, str] = field(default_factory=dict)


class Vendor(Protocol):
    """One vendor's API."""

    name: str

    def answer(self, request: Request) -> Answer: ...

    def failure(self, status: int) -> Answer:
        """The body this vendor gives with a 429, 500 or 503."""
        ...


def answer_json(value: object, status: int = 200, headers: dict[str, str] | None = None) -> Answer:
    return Answer(status, _encode(value), headers=headers or {})


def iso_millis(moment: float) -> str:
    """2026-11-21T12:00:00.123Z, as CoinGecko writes it."""
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{int(moment * 1_000) % 1_000:03d}Z"


def iso_seconds(moment: float) -> str:
    """2026-11-21T12:00:00Z, as CoinPaprika writes it."""
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
