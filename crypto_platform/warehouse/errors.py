"""The one error this room raises to people."""

from __future__ import annotations


class WarehouseError(Exception):
    """The warehouse cannot do what was asked; the sentence says why and what to do."""
