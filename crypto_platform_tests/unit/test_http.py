"""The client against a real server on this machine that answers from a script; only time is simulated."""

from __future__ import annotations

import gzip
import json
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from structlog.testing import capture_logs

from crypto_platform.settings import Settings
from crypto_platform.sources import source_named
from crypto_platform.sources.errors import Absent, Permanent, RateLimited, Transient, UpstreamError
from crypto_platform.sources.http import Answer, Http, RetryPolicy
from crypto_platform.sources.transport import CurlTransport, RequestsTransport, Transport

START = datetime(2026, 3, 9, 3, 27, 0, tzinfo=UTC)
COINS = b'[{"id":"bitcoin","current_price":1.10}]'
SECRET = "CG-very-secret"  # noqa: S105 - it opens nothing

Step = tuple[int, dict[str, str], bytes] | Callable[[BaseHTTPRequestHandler], None]


class Server:
    """Answers with one step of its script after the other; the last one repeats."""

    def __init__(self) -> None:
        self.script: list[Step] = [(200, {}, COINS)]
        self.asked: list[tuple[str, dict[str, str]]] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.asked.append((self.path, {name.lower(): value for name, value in self.headers.items()}))
                step = outer.script.pop(0) if len(outer.script) > 1 else outer.script[0]
                if callable(step):
                    step(self)
                    return
                status, headers, body = step
                self.send_response(status)
                for name, value in ({"Content-Length": str(len(body))} | headers).items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


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

    def make(transport: type[RequestsTransport | CurlTransport] = RequestsTransport, **policy: float) -> Http:
        given = {"max_retries": 3, "initial_delay": 1.0, "max_delay": 60.0, "timeout": 5.0, "request_delay": 0.0}
        sender: Transport = transport(server.url, max_body=1_000_000)
        http = Http(
            "coingecko",
            server.url.replace("//", "//user:pass@") + "/",
            transport=sender,
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


def test_a_redirect_is_not_followed(server: Server, client: MakeHttp) -> None:
    server.script = [(302, {"Location": "http://elsewhere.invalid/"}, b"<a href>")]
    assert "http://elsewhere.invalid/" in refusal(client, Permanent)


@pytest.mark.parametrize("transport", [RequestsTransport, CurlTransport])
@pytest.mark.parametrize("body", [b"<html>maintenance</html>", COINS[:-3], b"", b'{"coins":[]}', b'["\xff"]'])
def test_a_broken_body_is_asked_for_again(
    server: Server, client: MakeHttp, transport: type, body: bytes, refused: list[tuple[Answer, str]]
) -> None:
    server.script = [(200, {}, body), (200, {}, COINS)]
    assert client(transport).get("/").body == COINS
    assert refused[0][0].body == body


def _cut_in_a_chunk(handler: BaseHTTPRequestHandler) -> None:
    handler.protocol_version = "HTTP/1.1"
    handler.send_response(200)
    handler.send_header("Transfer-Encoding", "chunked")
    handler.end_headers()
    handler.wfile.write(b"ff\r\n" + COINS)
    handler.close_connection = True


@pytest.mark.parametrize("transport", [RequestsTransport, CurlTransport])
@pytest.mark.parametrize("cut", [(200, {"Content-Length": str(len(COINS) + 9)}, COINS), _cut_in_a_chunk])
def test_an_answer_shorter_than_announced_is_asked_for_again(
    server: Server, client: MakeHttp, transport: type, cut: Step, refused: list[tuple[Answer, str]]
) -> None:
    server.script = [cut, (200, {}, COINS)]
    assert client(transport).get("/").body == COINS
    assert refused[0][0].body == COINS
    assert "broke off" in refused[0][1]


@pytest.mark.parametrize("transport", [RequestsTransport, CurlTransport])
def test_a_reset_connection_is_tried_again(server: Server, client: MakeHttp, transport: type) -> None:
    server.script = [lambda handler: handler.connection.close(), (200, {}, COINS)]
    assert client(transport).get("/").body == COINS


def _drips_body(handler: BaseHTTPRequestHandler, **headers: str) -> None:
    handler.send_response(200)
    for name, value in headers.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.end_headers()
    _drip(handler, b" ")


def _drips_headers(handler: BaseHTTPRequestHandler) -> None:
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
    _drip(handler, b"x")


def _drip(handler: BaseHTTPRequestHandler, byte: bytes) -> None:
    try:
        for _ in range(100):
            handler.wfile.write(byte)
            handler.wfile.flush()
            time.sleep(0.05)
    except OSError:
        pass


@pytest.mark.parametrize("transport", [RequestsTransport, CurlTransport])
@pytest.mark.parametrize(
    "drip",
    [
        _drips_body,
        lambda handler: _drips_body(handler, Content_Length="5000"),
        _drips_headers,
    ],
)
def test_a_slow_drip_does_not_outlast_the_deadline(
    server: Server, client: MakeHttp, transport: type, drip: Callable[[BaseHTTPRequestHandler], None]
) -> None:
    server.script = [drip]
    began = time.monotonic()
    with pytest.raises(Transient, match=r"not complete within 0\.3 seconds"):
        client(transport, timeout=0.3, max_retries=0).get("/")
    assert time.monotonic() - began < 1.5


@pytest.mark.parametrize("transport", [RequestsTransport, CurlTransport])
def test_a_body_without_end_is_refused_for_good(server: Server, client: MakeHttp, transport: type) -> None:
    bomb = gzip.compress(b" " * 50_000_000)
    server.script = [(200, {"Content-Encoding": "gzip"}, bomb)]
    with pytest.raises(Permanent, match="larger than 1,000,000 bytes"):
        client(transport).get("/")


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


def test_nobody_listening_is_transient(server: Server, client: MakeHttp) -> None:
    http = client(max_retries=1)
    server.close()
    with pytest.raises(Transient, match="no answer came"):
        http.get("/")


@pytest.mark.parametrize("source", ["coingecko", "yahoo"])
def test_a_proxy_in_the_environment_does_not_stand_before_this_machine(
    server: Server, at: Time, monkeypatch: pytest.MonkeyPatch, source: str
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    settings = Settings(_env_file=None, coingecko_url=server.url, yahoo_url=server.url, max_retries=0)  # type: ignore[call-arg]
    server.script = [(418, {}, b"")]
    http = source_named(source).from_settings(settings).http(settings, at.clock, lambda *_: None, at.sleep)
    with pytest.raises(Permanent, match="418"):
        http.get("/v8/finance/chart/BTC-USD")


@pytest.mark.parametrize(
    ("given", "header"),
    [
        ({}, None),
        ({"coingecko_api_key": f" {SECRET}\n"}, "x-cg-demo-api-key"),
        ({"coingecko_api_key": SECRET, "coingecko_plan": "paid"}, "x-cg-pro-api-key"),
        ({"coingecko_api_key": SECRET, "coingecko_plan": "keyless"}, None),
    ],
)
def test_each_plan_sends_its_own_header(
    server: Server, at: Time, given: dict[str, str], header: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("COINGECKO_API_KEY", raising=False)
    settings = Settings(_env_file=None, coingecko_url=server.url, **given)  # type: ignore[arg-type, call-arg]
    source = source_named("coingecko").from_settings(settings)
    source.http(settings, at.clock, lambda *_: None, at.sleep).get("/coins/markets")
    sent = {name: value for name, value in server.asked[0][1].items() if name.startswith("x-cg-")}
    assert sent == ({header: SECRET} if header else {})
