"""Asking a vendor for a batch: every answer is kept before it is used, and one that was kept is not asked for again."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Self
from urllib.parse import parse_qsl, urlsplit

from crypto_platform.lake.answers import AnswerLog
from crypto_platform.lake.store import LakeError
from crypto_platform.sources.http import Answer, Http

Progress = Callable[[int, int | None], None]
"""Told after each answer: how many are done, of how many (None while nobody knows)."""

HttpFactory = Callable[[Callable[[Answer, str], None]], Http]
"""Makes a source's client, given what to do with the answers it refuses."""


class Asking:
    """Answers from the kept ones where the batch has them, else from the vendor."""

    def __init__(self, log: AnswerLog, make_http: HttpFactory) -> None:
        self._log = log
        self._http = make_http(lambda answer, reason: log.keep_refused(self._page, answer, reason))
        self._kept = set(log.pages())
        self._page = 0
        self.pages = 0
        self.asked = 0
        self.first_at: datetime | None = None
        self.last_at: datetime | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def __call__(self, page: int, path: str, params: Mapping[str, str]) -> Answer:
        self._page = page
        if page in self._kept:
            answer = self._log.read(page)
            _refuse_other_question(answer, path, params, self._log.key(page))
        else:
            answer = self._http.get(path, params)
            self.asked += 1
            if not self._log.keep(page, answer):
                answer = self._log.read(page)  # somebody else was quicker, and what is kept is what counts
        self.pages += 1
        self.first_at = min(self.first_at or answer.fetched_at, answer.fetched_at)
        self.last_at = max(self.last_at or answer.fetched_at, answer.fetched_at)
        return answer


def _refuse_other_question(answer: Answer, path: str, params: Mapping[str, str], key: str) -> None:
    """A batch that goes on must be the one that began: its kept answers were given to the same questions."""
    asked = urlsplit(answer.url)
    if not asked.path.endswith(path) or dict(parse_qsl(asked.query, keep_blank_values=True)) != dict(params):
        raise LakeError(
            f"The kept answer {key} was given to another question ({answer.url}) than the batch asks now; "
            "land this as a batch of its own, by a new run or under another name."
        )
