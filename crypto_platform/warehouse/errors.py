"""The errors this room raises to people: sentences that say what is wrong and what to do."""

from __future__ import annotations


class WarehouseError(Exception):
    """The warehouse cannot do what was asked; trying again would not help."""


class NotAddableError(WarehouseError):
    """What a partition had and what was added to it do not make it what it should be; nothing was changed."""


class WarehouseUnavailableError(WarehouseError):
    """The warehouse cannot be reached or broke off; trying again later may help."""


def first_line(error: BaseException) -> str:
    """What a library had to say, cut to what fits into a sentence."""
    lines = (line.strip() for line in str(error).splitlines())
    return next(filter(None, lines), type(error).__name__).rstrip(".")
