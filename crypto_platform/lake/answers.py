"""Every answer of a vendor, byte for byte: one Zstandard file each, its circumstances in a leading skippable frame.

`zstd -d 0001.zst` gives exactly the bytes that came; what was asked, when and with what status rides along.
"""

from __future__ import annotations

import re
import struct
from datetime import datetime
from itertools import count

import msgspec
import pyarrow as pa

from crypto_platform.lake.store import LakeError, LocalStore
from crypto_platform.sources.http import Answer

_SKIPPABLE = 0x184D2A50
_ACCEPTED = re.compile(r"^(\d{4,})\.zst$")


class _Circumstances(msgspec.Struct):
    url: str
    status: int
    headers: dict[str, str]
    fetched_at: datetime
    body_bytes: int
    refused: str | None = None


class AnswerLog:
    """The answers of one batch, under `answers/source=…/date=…/<batch_id>/`."""

    def __init__(self, store: LocalStore, source: str, date: str, batch_id: str) -> None:
        self._store = store
        self._folder = f"answers/source={source}/date={date}/{batch_id}"

    def key(self, page: int) -> str:
        return f"{self._folder}/{page:04d}.zst"

    def keep(self, page: int, answer: Answer) -> bool:
        """Keep an accepted answer; the first one of a page stays. False where there was one."""
        return self._store.put_if_absent(self.key(page), pack(answer))

    def keep_refused(self, page: int, answer: Answer, reason: str) -> None:
        """Keep an answer that was not what was asked for, beside the page it was meant to be."""
        moment = answer.fetched_at.strftime("%Y%m%dT%H%M%S%fZ")
        content = pack(answer, reason)
        for number in count(1):
            name = f"{page:04d}.{moment}.{answer.status}" + (f".{number}" if number > 1 else "")
            if self._store.put_if_absent(f"{self._folder}/{name}.zst", content):
                return

    def pages(self) -> list[int]:
        """The pages that have an accepted answer."""
        names = (key.rsplit("/", 1)[-1] for key in self._store.keys(self._folder))
        return sorted(int(match[1]) for match in map(_ACCEPTED.match, names) if match)

    def read(self, page: int) -> Answer:
        return unpack(self._store.read(self.key(page)), self.key(page))


def pack(answer: Answer, refused: str | None = None) -> bytes:
    circumstances = msgspec.json.encode(
        _Circumstances(answer.url, answer.status, dict(answer.headers), answer.fetched_at, len(answer.body), refused)
    )
    frame = struct.pack("<II", _SKIPPABLE, len(circumstances)) + circumstances
    body: bytes = pa.Codec("zstd", compression_level=3).compress(answer.body, asbytes=True)
    return frame + body


def unpack(content: bytes, name: str) -> Answer:
    try:
        magic, length = struct.unpack_from("<II", content)
        if magic != _SKIPPABLE:
            raise ValueError(f"it starts with {magic:#x}")
        about = msgspec.json.decode(content[8 : 8 + length], type=_Circumstances)
        body: bytes = pa.Codec("zstd").decompress(content[8 + length :], about.body_bytes, asbytes=True)
    except (ValueError, struct.error, msgspec.MsgspecError, pa.ArrowException, OSError) as error:
        raise LakeError(f"The kept answer {name} cannot be read back ({error}); restore it from a backup.") from error
    return Answer(about.url, about.status, about.headers, body, about.fetched_at)
