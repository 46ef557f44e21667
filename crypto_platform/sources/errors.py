"""What can go wrong with a vendor, as types: whether asking again helps. Retrying itself is in `http`."""

from __future__ import annotations


class UpstreamError(Exception):
    """A vendor did not give what it was asked for; the text is a sentence that says what came instead."""


class Transient(UpstreamError):  # noqa: N818 - named for what it decides: whether asking again helps
    """It may well work a little later."""

    wait: float | None = None
    """The seconds the vendor asks to be left alone for, where it said so."""


class RateLimited(Transient):
    """The vendor was asked too much."""


class Permanent(UpstreamError):  # noqa: N818
    """Asking again gives the same."""


class Absent(Permanent):
    """The vendor does not know this coin."""


_AGAIN = {408, 425}


def error_for(status: int) -> type[UpstreamError] | None:
    """What a status means by itself; None for 200."""
    if status == 200:
        return None
    if status == 429:
        return RateLimited
    if status >= 500 or status in _AGAIN or status < 300:
        return Transient
    return Permanent
