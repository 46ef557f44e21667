"""The client against a real server on this machine that answers from a script; only time is simulated."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from scripted_server import COINS, Server, Step
from structlog.testing import capture_logs

from crypto_platform.settings import Settings
from crypto_platform.sources import source_named
from crypto_platform.sources.errors import Absent, Permanent, RateLimited, Transient, UpstreamError
from crypto_platform.sources.http import Answer, Http, RetryPolicy
from crypto_platform.sources.transport import RequestsTransport

START = datetime(2026, 3, 9, 3, 27, 0, tzinfo=UTC)
SECRET = "CG-very-secret"  # noqa: S105 - it opens nothing


class Time:
    """A clock that only sleeping moves."""

    def __init__(self) -> None:
        self.now = START
        self.sleeps: list[float] = []

    def clock(self) -> datetime:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.sleeps.append(seconds)
        self.now += timedelta(seconds=seconds)


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    yield server
    server.close()


@pytest.fixture
def at() -> Time:
    return Time()


@pytest.fixture
def refused() -> list[tuple[Answer, str]]:
    return []


MakeHttp = Callable[..., Http]


@pytest.fixture
def client(server: Server, at: Time, refused: list[tuple[Answer, str]]) -> Iterator[MakeHttp]:
    made: list[Http] = []

    def make(**policy: float) -> Http:
        given = {"max_retries": 3, "initial_delay": 1.0, "max_delay": 60.0, "timeout": 5.0, "request_delay": 0.0}
        http = Http(
            "coingecko",
            server.url.replace("//", "//user:pass@") + "/",
            transport=RequestsTransport(server.url),
            policy=RetryPolicy(**(given | policy)),  # type: ignore[arg-type]
            judge=source_named("coingecko").from_settings(Settings(_env_file=None)).judge,  # type: ignore[call-arg]
            clock=at.clock,
            on_refused=lambda answer, reason: refused.append((answer, reason)),
            sleep=at.sleep,
            secrets={"x-key": SECRET},
        )
        made.append(http)
        return http

    yield make
    for http in made:
        http.close()


def refusal(client: MakeHttp, kind: type[UpstreamError], **policy: float) -> str:
    with pytest.raises(kind) as caught:
        client(**policy).get("/coins/markets", {"page": "1"})
    assert type(caught.value) is kind
    return str(caught.value)


def limited(**headers: str) -> Step:
    body = b'{"status":{"error_code":429,"error_message":"Slow down"}}'
    return 429, {name.replace("_", "-"): value for name, value in headers.items()}, body


def test_an_answer_is_kept_byte_for_byte_with_what_was_asked(server: Server, client: MakeHttp) -> None:
    server.script = [(200, {"X-Thing": "1", "Set-Cookie": "session=1"}, COINS)]
    answer = client().get("/coins/markets", {"page": "1", "price_change_percentage": "1h,24h"})
    assert (answer.status, answer.body, answer.fetched_at) == (200, COINS, START)
    assert answer.url == f"{server.url}/coins/markets?page=1&price_change_percentage=1h,24h"
    assert answer.headers["x-thing"] == "1"
    assert "set-cookie" not in answer.headers


def test_a_busy_vendor_is_asked_again_ever_later(
    server: Server, client: MakeHttp, at: Time, refused: list[tuple[Answer, str]]
) -> None:
    server.script = [(status, {}, b"<html>busy</html>") for status in (503, 500, 408)] + [(200, {}, COINS)]
    assert client().get("/").body == COINS
    for slept, least in zip(at.sleeps, (1, 2, 4), strict=True):
        assert least <= slept <= least + 1
    assert [answer.status for answer, _ in refused] == [503, 500, 408]
    assert refused[0][0].body == b"<html>busy</html>"


def test_retries_end_and_the_longest_delay_holds(server: Server, client: MakeHttp, at: Time) -> None:
    server.script = [(502, {}, b"")]
    assert "It was asked 6 times" in refusal(client, Transient, max_retries=5, max_delay=3)
    assert len(server.asked) == 6
    assert max(at.sleeps) == 3


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry_after": "7"}, 7),
        ({"retry_after": format_datetime(START + timedelta(seconds=20), usegmt=True)}, 20),
        ({"x_ratelimit_reset": "2026-03-09 03:28:00 +0000"}, 60),
        ({"x_ratelimit_reset": str(int(START.timestamp()) + 40)}, 40),
        ({"x_ratelimit_reset": str((int(START.timestamp()) + 40) * 1_000)}, 40),
        ({"retry_after": "7", "x_ratelimit_reset": "2026-03-09 03:28:00 +0000"}, 60),
    ],
)
def test_the_vendor_says_when_to_come_back(
    server: Server, client: MakeHttp, at: Time, headers: dict[str, str], seconds: float
) -> None:
    server.script = [limited(**headers), (200, {}, COINS)]
    client().get("/")
    assert at.sleeps == [seconds]


@pytest.mark.parametrize("nonsense", ["soon", "-5", "0", "nan", "Wed, 99 Foo 2026", "2020-01-01 00:00:00 +0000"])
def test_a_senseless_wait_is_replaced_by_our_own(server: Server, client: MakeHttp, at: Time, nonsense: str) -> None:
    server.script = [limited(retry_after=nonsense, x_ratelimit_reset=nonsense), (200, {}, COINS)]
    client().get("/")
    assert 1 <= at.sleeps[0] <= 2


@pytest.mark.parametrize(("wait", "until"), [("3600", "2026-03-09 04:27:00 UTC"), ("9" * 15, "calendar")])
def test_a_wait_too_long_is_not_waited_for(server: Server, client: MakeHttp, at: Time, wait: str, until: str) -> None:
    server.script = [limited(retry_after=wait)]
    assert until in refusal(client, RateLimited)
    assert at.sleeps == []


def test_a_rate_limit_inside_a_200_is_one(server: Server, client: MakeHttp, refused: list[tuple[Answer, str]]) -> None:
    body = b'{"error":{"status":{"error_code":429,"error_message":"Slow down"}}}'
    server.script = [(200, {}, body), (200, {}, COINS)]
    assert client().get("/").body == COINS
    assert "Slow down" in refused[0][1]


@pytest.mark.parametrize(
    "body",
    [
        b'{"status":{"error_code":10010,"error_message":"Wrong root URL"}}',
        b'{"error":{"status":{"error_code":10010,"error_message":"Wrong root URL"}}}',
        b'{"error":"Wrong root URL"}',
    ],
)
def test_a_refusal_for_good_is_not_repeated_and_says_why(server: Server, client: MakeHttp, body: bytes) -> None:
    server.script = [(400, {}, body)]
    assert "Wrong root URL" in refusal(client, Permanent)
    assert len(server.asked) == 1


def test_an_unknown_coin_is_absent(server: Server, client: MakeHttp) -> None:
    server.script = [(404, {}, b'{"error":"Could not find coin with the given id"}')]
    refusal(client, Absent)


def test_two_requests_keep_their_distance(server: Server, client: MakeHttp, at: Time) -> None:
    http = client(request_delay=0.5)
    http.get("/")
    at.now += timedelta(seconds=0.2)
    http.get("/")
    at.now += timedelta(seconds=9)
    http.get("/")
    assert at.sleeps == [pytest.approx(0.3)]


def test_the_key_is_sent_and_never_told(server: Server, client: MakeHttp, refused: list[tuple[Answer, str]]) -> None:
    echo = json.dumps({"error": f"Key {SECRET} is busy"}).encode()
    server.script = [(503, {"X-Echo": SECRET}, echo)]
    with capture_logs() as logs:
        told = refusal(client, Transient)
    assert server.asked[0][1]["x-key"] == SECRET
    assert "Key *** is busy" in told
    answers = [(answer.url, answer.headers, reason) for answer, reason in refused]
    assert SECRET not in f"{told} {logs} {answers}"
    assert "user:pass" not in f"{told} {logs} {answers}"


def test_every_retry_is_logged_with_its_reason_and_wait(server: Server, client: MakeHttp) -> None:
    server.script = [limited(retry_after="7"), (200, {}, COINS)]
    with capture_logs() as logs:
        client().get("/")
    assert [(line["source"], line["in_seconds"]) for line in logs] == [("coingecko", 7)]
    assert "Slow down" in logs[0]["why"]


@pytest.mark.parametrize("body", [b"<html>maintenance</html>", COINS[:-3], b"", b'{"coins":[]}', b'["\xff"]'])
def test_a_broken_body_is_asked_for_again(
    server: Server, client: MakeHttp, body: bytes, refused: list[tuple[Answer, str]]
) -> None:
    server.script = [(200, {}, body), (200, {}, COINS)]
    assert client().get("/").body == COINS
    assert refused[0][0].body == body


@pytest.mark.parametrize("status", [200, 404])
def test_an_answer_cut_short_is_asked_for_again_even_if_it_reads_well(
    server: Server, client: MakeHttp, status: int, refused: list[tuple[Answer, str]]
) -> None:
    server.script = [(status, {"Content-Length": str(len(COINS) + 9)}, COINS), (200, {}, COINS)]
    assert client().get("/").body == COINS
    assert (refused[0][0].body, len(refused)) == (COINS, 1)
    assert "broke off" in refused[0][1]


def test_an_answer_that_never_comes_is_given_up_on(server: Server, client: MakeHttp) -> None:
    done = threading.Event()
    server.script = [lambda _: bool(done.wait(2))]
    assert "not complete within 0.1 seconds" in refusal(client, Transient, timeout=0.1, max_retries=1)
    done.set()


def test_a_redirect_is_not_followed(server: Server, client: MakeHttp) -> None:
    server.script = [(302, {"Location": "http://elsewhere.invalid/"}, b"<a href>")]
    assert "http://elsewhere.invalid/" in refusal(client, Permanent)
