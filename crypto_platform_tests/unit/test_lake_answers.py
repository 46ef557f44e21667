"""Kept answers: the bytes as they came, readable by any Zstandard tool, refused ones beside the accepted ones."""

from __future__ import annotations

import shutil
import struct
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crypto_platform.lake import LakeError
from crypto_platform.lake.answers import AnswerLog, pack, unpack
from crypto_platform.lake.store import LocalStore
from crypto_platform.sources.http import Answer

NOON = datetime(2026, 11, 21, 12, 0, 0, 123456, UTC)
FOLDER = "answers/source=coingecko/date=2026-11-21/b1"


def answer(body: bytes = b"[]", status: int = 200, at: datetime = NOON) -> Answer:
    return Answer("https://vendor.test/coins?page=1", status, {"content-type": "application/json"}, body, at)


@pytest.fixture
def log(tmp_path: Path) -> AnswerLog:
    return AnswerLog(LocalStore(tmp_path), "coingecko", "2026-11-21", "b1")


answers = st.builds(
    Answer,
    url=st.text(st.characters(exclude_categories=["Cs"])),
    status=st.integers(100, 599),
    headers=st.dictionaries(
        st.text(st.characters(exclude_categories=["Cs"])), st.text(st.characters(exclude_categories=["Cs"])), max_size=4
    ),
    body=st.binary(max_size=5_000),
    fetched_at=st.datetimes(datetime(2013, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
)


@given(answers, st.none() | st.text(st.characters(exclude_categories=["Cs"])))
def test_whatever_came_is_read_back_byte_for_byte(came: Answer, refused: str | None) -> None:
    assert unpack(pack(came, refused), "a key") == came


@given(st.binary(max_size=5_000))
def test_an_answer_is_one_skippable_frame_and_one_zstandard_frame(body: bytes) -> None:
    content = pack(answer(body))
    magic, length = struct.unpack_from("<II", content)
    assert 0x184D2A50 <= magic <= 0x184D2A5F
    frame = content[8 + length :]
    assert frame[:4] == struct.pack("<I", 0xFD2FB528)
    assert pa.CompressedInputStream(pa.BufferReader(frame), "zstd").read() == body


@pytest.mark.skipif(shutil.which("zstd") is None, reason="no zstd on this machine")
def test_zstd_itself_gives_the_body(log: AnswerLog, tmp_path: Path) -> None:
    log.keep(1, answer(b'[{"id": "bitcoin"}]'))
    told = subprocess.run(["zstd", "-dc", tmp_path / log.key(1)], capture_output=True, check=True)
    assert told.stdout == b'[{"id": "bitcoin"}]'


def test_the_first_answer_of_a_page_stays(log: AnswerLog) -> None:
    log.keep(1, answer(b"first"))
    log.keep(1, answer(b"second"))
    assert log.read(1).body == b"first"


def test_refused_answers_lie_beside_the_accepted_one_and_count_as_no_page(log: AnswerLog, tmp_path: Path) -> None:
    log.keep_refused(2, answer(b"busy", 503), "the vendor is busy")
    log.keep_refused(2, answer(b"slow down", 429, NOON + timedelta(seconds=1)), "too many requests")
    log.keep(2, answer(b"[1]"))
    log.keep(10_000, answer())
    assert log.pages() == [2, 10_000]
    kept = LocalStore(tmp_path).keys(FOLDER)
    assert kept == [
        f"{FOLDER}/0002.20261121T120000123456Z.503.zst",
        f"{FOLDER}/0002.20261121T120001123456Z.429.zst",
        f"{FOLDER}/0002.zst",
        f"{FOLDER}/10000.zst",
    ]
    assert [unpack((tmp_path / key).read_bytes(), key).body for key in kept[:2]] == [b"busy", b"slow down"]
    assert b"the vendor is busy" in (tmp_path / kept[0]).read_bytes()


def test_two_refused_answers_of_one_moment_are_both_kept(log: AnswerLog, tmp_path: Path) -> None:
    log.keep_refused(1, answer(b"one body", 500), "broken")
    log.keep_refused(1, answer(b"another body", 500), "broken")
    assert len(LocalStore(tmp_path).keys(FOLDER)) == 2


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"PK\x03\x04 and more", id="something else"),
        pytest.param(struct.pack("<II", 0x184D2A50, 9) + b'{"a": 1} ', id="other circumstances"),
        pytest.param(pack(answer(b"x" * 100))[:-3], id="cut off"),
    ],
)
def test_a_damaged_answer_is_named_in_a_sentence(content: bytes) -> None:
    with pytest.raises(LakeError, match=r"^The kept answer 0001\.zst cannot be read back \(.*\); restore it"):
        unpack(content, "0001.zst")
