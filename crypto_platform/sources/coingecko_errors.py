"""What CoinGecko says is wrong, in any of the three shapes in which it says so, and what that means."""

from __future__ import annotations

from typing import Any

import msgspec

from crypto_platform.sources.errors import Permanent, RateLimited, Transient, UpstreamError, error_for
from crypto_platform.sources.slices import NotJsonError, decode_json


class _Body(msgspec.Struct):
    """What is no error is skipped."""

    status: Any = None
    error: Any = None


def complaint_of(body: bytes) -> tuple[int | None, str]:
    """The code and the words; neither where the body is no error."""
    if body.lstrip()[:1] != b"{":
        return None, ""
    try:
        content = decode_json(body, _Body)
    except NotJsonError:
        return None, ""
    error = content.error
    status = error.get("status") if isinstance(error, dict) else content.status
    if isinstance(status, dict):
        code = status.get("error_code")
        return (code if isinstance(code, int) else None), str(status.get("error_message") or "")
    return None, str(error or "")


def says_unknown(words: str) -> bool:
    """Whether the coin is what is missing, and not the page."""
    return "could not find coin" in words.lower() or "coin not found" in words.lower()


def verdict_of(code: int | None, words: str) -> type[UpstreamError]:
    """What an error inside a 200 means: its code where that is a status, else its words; CoinGecko's own codes last."""
    if code is not None and 400 <= code < 600:
        return error_for(code) or Transient
    if "rate limit" in words.lower() or "throttled" in words.lower():
        return RateLimited
    return Permanent if code is not None and code >= 10_000 else Transient
