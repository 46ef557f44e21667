"""A vendor's client: one request at a time, politely, again where that helps, every refused answer handed over.

How bytes travel is in `transport`, how long a vendor asks to be left alone in `waiting`, what an answer means
in each source.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from urllib.parse import urlencode, urlsplit, urlunsplit

import tenacity

from crypto_platform.sources.errors import Permanent, RateLimited, Transient, UpstreamError
from crypto_platform.sources.transport import Reply, Transport
from crypto_platform.sources.waiting import asked_wait

if TYPE_CHECKING:
    from crypto_platform.settings import Settings

LONGEST_WAIT = 600.0
"""Seconds; a vendor that wants to be left alone for longer is given up on."""


@dataclass(frozen=True)
class Answer:
    """What a vendor answered, byte for byte; neither the URL nor the headers hold a secret."""

    url: str
    status: int
    headers: Mapping[str, str]
    body: bytes
    fetched_at: datetime


Judge = Callable[[Answer], None]
"""Raises what is wrong with an answer; returns where it is what was asked for."""

OnRefused = Callable[[Answer, str], None]
"""Told of every answer that was not what was asked for, and why."""

Permit = Callable[[], float]
"""Counts the request that is about to be made, and gives the seconds to wait before it; raises where none is left."""


def always() -> float:
    """The permit of a vendor that may be asked at any time."""
    return 0.0


@dataclass(frozen=True)
class RetryPolicy:
    """How often to ask again and how long to wait, in seconds."""

    max_retries: int
    initial_delay: float
    max_delay: float
    timeout: float
    request_delay: float

    @classmethod
    def from_settings(cls, settings: Settings) -> RetryPolicy:
        return cls(
            max_retries=settings.max_retries,
            initial_delay=settings.initial_retry_delay,
            max_delay=settings.max_retry_delay,
            timeout=settings.http_timeout,
            request_delay=settings.request_delay,
        )


class Http:
    """Asks one vendor. Not for several threads at once: politeness is one request after the other."""

    def __init__(
        self,
        source: str,
        base_url: str,
        *,
        transport: Transport,
        policy: RetryPolicy,
        judge: Judge,
        clock: Callable[[], datetime],
        on_refused: OnRefused,
        permit: Permit = always,
        sleep: Callable[[float], None] = time.sleep,
        headers: Mapping[str, str] | None = None,
        secrets: Mapping[str, str] | None = None,
    ) -> None:
        """`secrets` are headers too, whose values are kept out of everything that is told or kept."""
        self._source = source
        self._base = base_url.rstrip("/")
        self._transport = transport
        self._policy = policy
        self._judge = judge
        self._clock = clock
        self._on_refused = on_refused
        self._permit = permit
        self._sleep = sleep
        self._headers = {**(headers or {}), **(secrets or {})}
        self._secrets = [value for value in (secrets or {}).values() if value]
        self._last_end: datetime | None = None
        self._backoff = tenacity.wait_exponential_jitter(
            multiplier=policy.initial_delay, max=policy.max_delay, jitter=policy.initial_delay
        )

    def get(self, path: str, params: Mapping[str, str] | None = None) -> Answer:
        """The answer, once it is what was asked for; else Permanent, or Transient when retrying did not help."""
        url = self._base + path + ("?" + urlencode(params, safe=",") if params else "")
        retrying = tenacity.Retrying(
            sleep=self._sleep,
            stop=tenacity.stop_after_attempt(self._policy.max_retries + 1),
            wait=self._wait,
            retry=tenacity.retry_if_exception(_is_worth_another_try),
            before_sleep=self._log_retry,
            retry_error_callback=_give_up,
            reraise=True,
        )
        answer: Answer = retrying(self._ask, url)
        return answer

    def close(self) -> None:
        self._transport.close()

    def _ask(self, url: str) -> Answer:
        self._pause()
        shown = self._without_secrets(_without_login(url))
        try:
            reply = self._transport.fetch(url, self._headers, self._policy.timeout)
        except UpstreamError as error:
            raise self._told(error, f"{self._source} could not be asked for {shown}: {error}.") from None
        finally:
            self._last_end = self._clock()
        headers = {name: self._without_secrets(value) for name, value in reply.headers.items()}
        answer = Answer(shown, reply.status, headers, reply.body, self._last_end)
        try:
            self._accept(answer, reply)
        except UpstreamError as error:
            refusal = self._told(error, str(error))
            if isinstance(refusal, Transient):
                refusal = self._with_wait(refusal, answer)
            self._on_refused(replace(answer, body=self._body_without_secrets(answer.body)), str(refusal))
            raise refusal from None
        return answer

    def _accept(self, answer: Answer, reply: Reply) -> None:
        fault = reply.fault and type(reply.fault)(f"{self._source} was asked for {answer.url}: {reply.fault}.")
        # A cut body may still read as JSON; where the status is an error, that mostly says more than the cut.
        if fault and (answer.status < 300 or answer.status == 404):
            raise fault
        self._judge(answer)
        if fault:
            raise fault

    def _pause(self) -> None:
        wait = self._permit()
        if self._last_end is not None:
            elapsed = (self._clock() - self._last_end).total_seconds()
            wait = max(wait, self._policy.request_delay - max(0.0, elapsed))
        if wait > 0:
            self._sleep(wait)

    def _with_wait(self, error: Transient, answer: Answer) -> Transient:
        rate_limited = isinstance(error, RateLimited)
        wait = asked_wait(answer.headers, answer.fetched_at, rate_limited=rate_limited)
        if wait is not None and wait > LONGEST_WAIT:
            until = _moment_after(answer.fetched_at, wait)
            error = type(error)(
                f"{error} It asks to be left alone until {until}, which is too long to wait for; try again then."
            )
        error.wait = wait
        return error

    def _wait(self, state: tenacity.RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        asked = error.wait if isinstance(error, Transient) and error.wait else 0.0
        return max(asked, self._backoff(state))

    def _log_retry(self, state: tenacity.RetryCallState) -> None:
        import structlog

        why = str(state.outcome.exception()) if state.outcome else ""
        seconds = round(state.next_action.sleep, 3) if state.next_action else None
        structlog.get_logger(__name__).warning(
            "asking again", source=self._source, attempt=state.attempt_number, why=why, in_seconds=seconds
        )

    def _told(self, error: UpstreamError, text: str) -> UpstreamError:
        return type(error)(self._without_secrets(text))

    def _body_without_secrets(self, body: bytes) -> bytes:
        """Some vendors repeat the key that they refuse."""
        for secret in self._secrets:
            body = body.replace(secret.encode(), b"***")
        return body

    def _without_secrets(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, "***")
        return text


def _is_worth_another_try(error: BaseException) -> bool:
    return isinstance(error, Transient) and (error.wait is None or error.wait <= LONGEST_WAIT)


def _give_up(state: tenacity.RetryCallState) -> Answer:
    error = state.outcome.exception() if state.outcome else None
    if isinstance(error, Transient) and state.attempt_number > 1:
        final = type(error)(f"{error} It was asked {state.attempt_number} times.")
        final.wait = error.wait
        raise final
    raise error or Permanent("Nothing was asked.")


def _moment_after(now: datetime, seconds: float) -> str:
    try:
        moment = now.astimezone(UTC) + timedelta(seconds=seconds)
    except OverflowError:
        return "further ahead than the calendar goes"
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC"


def _without_login(url: str) -> str:
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
