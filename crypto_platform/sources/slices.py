"""Cutting JSON into the exact bytes of its parts, and reading it by type. What the parts mean is not known here."""

from __future__ import annotations

import re
from typing import TypeVar

import msgspec

T = TypeVar("T")

_ESCAPE = re.compile(
    rb"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(u[dD][89a-fA-F][0-9a-fA-F]{2})|.)"
)


class NotJsonError(ValueError):
    """The bytes are not JSON, or not of the shape that was asked for."""


class WrongTypeError(NotJsonError):
    """The bytes are JSON, but some value is not of the declared type."""


def decode_json(body: bytes, type_: type[T]) -> T:
    """The body as the type, or NotJsonError with msgspec's reason."""
    try:
        body.decode()
        try:
            return msgspec.json.decode(body, type=type_)
        except msgspec.ValidationError:
            raise
        except msgspec.DecodeError:
            # Half a surrogate pair is JSON by its grammar, but msgspec gives up on the whole body.
            mended = _without_lone_surrogates(body)
            if mended == body:
                raise
            return msgspec.json.decode(mended, type=type_)
    except msgspec.ValidationError as error:
        raise WrongTypeError(_reason(error)) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise NotJsonError(_reason(error)) from None


def array_slices(body: bytes) -> list[bytes]:
    """The exact bytes of every element of a JSON array."""
    slices = [bytes(raw) for raw in decode_json(body, list[msgspec.Raw])]
    mended = _without_lone_surrogates(body)
    if mended == body:
        return slices
    # The mended body is as long as the original, so each slice lies at the same place in both.
    exact, end = [], mended.index(b"[") + 1
    for part in slices:
        start = mended.index(part, end)
        end = start + len(part)
        exact.append(body[start:end])
    return exact


def member_slice(body: bytes, name: str) -> bytes:
    """The exact bytes of a member of a JSON object."""
    members = decode_json(body, dict[str, msgspec.Raw])
    if name not in members:
        raise WrongTypeError(f"it has no {name!r}")
    part = bytes(members[name])
    mended = _without_lone_surrogates(body)
    if mended == body:
        return part
    start = mended.index(part)
    return body[start : start + len(part)]


def object_slices(body: bytes) -> list[bytes]:
    """The same of an array of objects. What else is in it comes too, but an array of nothing else is another answer."""
    slices = array_slices(body)
    if slices and not any(part[:1] == b"{" for part in slices):
        raise WrongTypeError("none of its elements is an object")
    return slices


def _without_lone_surrogates(body: bytes) -> bytes:
    """The same length, with a harmless escape in place of every half of a pair."""
    if rb"\u" not in body:
        return body
    return _ESCAPE.sub(lambda match: rb"\u0020" if match[1] else match[0], body)


def _reason(error: Exception) -> str:
    if isinstance(error, UnicodeDecodeError):
        return f"it is not UTF-8 at byte {error.start}"
    return str(error)
