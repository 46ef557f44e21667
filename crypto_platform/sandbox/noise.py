"""Hashes and smooth noise as pure functions of integers: the only randomness of the sandbox. Knows nothing of coins."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float64]
Ints: TypeAlias = NDArray[np.int64]
Words: TypeAlias = NDArray[np.uint64]

_MASK = (1 << 64) - 1
_STEP = 0x9E3779B97F4A7C15
_FIRST = 0xBF58476D1CE4E5B9
_SECOND = 0x94D049BB133111EB


def word(*parts: int) -> int:
    """64 well-mixed bits of some integers (splitmix64), the same in every process."""
    state = 0
    for part in parts:
        state = (state ^ (part & _MASK)) + _STEP & _MASK
        state = (state ^ state >> 30) * _FIRST & _MASK
        state = (state ^ state >> 27) * _SECOND & _MASK
        state ^= state >> 31
    return state


def draw(*parts: int) -> float:
    """A number in [0, 1) that these integers alone decide."""
    return (word(*parts) >> 11) * 2.0**-53


def words(*parts: int | Ints | Words) -> Words:
    """`word` over arrays, broadcasting."""
    state = np.zeros(1, dtype=np.uint64)
    for part in parts:
        bits = np.uint64(part & _MASK) if isinstance(part, int) else part.astype(np.uint64)
        state = _finished((state ^ bits) + np.uint64(_STEP))
    return state


def draws(*parts: int | Ints | Words) -> Floats:
    """`draw` over arrays, broadcasting."""
    return _unit(words(*parts))


def _finished(state: Words) -> Words:
    state = (state ^ (state >> np.uint64(30))) * np.uint64(_FIRST)
    state = (state ^ (state >> np.uint64(27))) * np.uint64(_SECOND)
    return state ^ (state >> np.uint64(31))


def _unit(bits: Words) -> Floats:
    unit: Floats = (bits >> np.uint64(11)).astype(np.float64) * 2.0**-53
    return unit


def _knots(keys: Words, knots: Ints) -> Floats:
    """The noise's value in [-1, 1) at whole knots."""
    return _unit(_finished(keys + knots.astype(np.uint64) * np.uint64(_STEP))) * 2.0 - 1.0


def smooth(keys: Words, hours: Floats, period: int) -> Floats:
    """Value noise in [-1, 1) with one knot every `period` hours; each key has a phase of its own."""
    shifted = hours + (keys % np.uint64(period)).astype(np.float64)
    knot = np.floor(shifted / period)
    part = (shifted - knot * period) / period
    whole = knot.astype(np.int64)
    left, right = _knots(keys, whole), _knots(keys, whole + 1)
    value: Floats = left + (right - left) * (part * part * (3.0 - 2.0 * part))
    return value


def smooth_hours(key: int, first: int, last: int, period: int) -> Floats:
    """`smooth` of one key at every whole hour from `first` to `last`: one hash a knot instead of two a point."""
    start = first + key % period
    stop = last + key % period
    low, high = start // period, stop // period + 1
    values = _knots(np.array([key], dtype=np.uint64), np.arange(low, high + 1))
    part = np.arange(period) / period
    curve = part * part * (3.0 - 2.0 * part)
    left = values[:-1, None]
    grid: Floats = left + (values[1:, None] - left) * curve[None, :]
    return grid.ravel()[start - low * period : stop - low * period + 1]
