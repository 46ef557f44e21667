"""One request over the wire, by either transport, against a server that misbehaves."""

from __future__ import annotations

import gzip
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler

import pytest
from scripted_server import COINS, Server, Step

from crypto_platform.sources.errors import Permanent, Transient
from crypto_platform.sources.transport import CurlTransport, Reply, RequestsTransport, Transport

LIMIT = 1_000_000

Fetch = Callable[..., Reply]


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    yield server
    server.close()


@pytest.fixture(params=[RequestsTransport, CurlTransport])
def fetch(server: Server, request: pytest.FixtureRequest) -> Iterator[Fetch]:
    transport: Transport = request.param(server.url, max_body=LIMIT)

    def fetched(path: str = "/", timeout: float = 5.0) -> Reply:
        return transport.fetch(server.url + path, {"X-Asked": "1"}, timeout)

    yield fetched
    transport.close()


def test_a_reply_is_whole_and_its_headers_are_in_lower_case_without_cookies(server: Server, fetch: Fetch) -> None:
    server.script = [(200, {"X-Thing": "1", "Set-Cookie": "session=1"}, COINS)]
    reply = fetch("/a%2Fb?per=1h,24h")
    assert (reply.status, reply.body, reply.fault) == (200, COINS, None)
    assert reply.headers["x-thing"] == "1"
    assert "set-cookie" not in reply.headers
    path, headers = server.asked[0]
    assert (path, headers["x-asked"]) == ("/a%2Fb?per=1h,24h", "1")


def _in_chunks(handler: BaseHTTPRequestHandler, body: bytes, **headers: str) -> None:
    handler.protocol_version = "HTTP/1.1"
    handler.send_response(200)
    for name, value in ({"Transfer_Encoding": "chunked"} | headers).items():
        handler.send_header(name.replace("_", "-"), value)
    handler.end_headers()
    handler.wfile.write(body)
    handler.close_connection = True


def test_chunks_and_compression_are_undone(server: Server, fetch: Fetch) -> None:
    packed = gzip.compress(COINS)
    chunks = b"".join(b"1\r\n" + packed[at : at + 1] + b"\r\n" for at in range(len(packed))) + b"0\r\n\r\n"
    server.script = [lambda handler: _in_chunks(handler, chunks, Content_Encoding="gzip")]
    assert fetch() == Reply(200, fetch().headers, COINS)


@pytest.mark.parametrize(
    "cut",
    [
        (200, {"Content-Length": str(len(COINS) + 9)}, COINS),
        lambda handler: _in_chunks(handler, b"ff\r\n" + COINS),
    ],
)
def test_an_answer_cut_short_is_a_fault_and_what_came_is_kept(server: Server, fetch: Fetch, cut: Step) -> None:
    server.script = [cut]
    reply = fetch()
    assert reply.body == COINS
    assert isinstance(reply.fault, Transient)
    assert "broke off after 39 bytes" in str(reply.fault)


def test_a_reset_connection_is_worth_another_try(server: Server, fetch: Fetch) -> None:
    server.script = [lambda handler: handler.connection.close(), (200, {}, COINS)]
    with pytest.raises(Transient, match="no answer came"):
        fetch()
    assert fetch().body == COINS


def _drip(handler: BaseHTTPRequestHandler, byte: bytes) -> None:
    try:
        for _ in range(100):
            handler.wfile.write(byte)
            handler.wfile.flush()
            time.sleep(0.05)
    except OSError:
        pass


def _drips_body(handler: BaseHTTPRequestHandler, length: str | None = None) -> None:
    handler.send_response(200)
    if length:
        handler.send_header("Content-Length", length)
    handler.end_headers()
    _drip(handler, b" ")


def _drips_headers(handler: BaseHTTPRequestHandler) -> None:
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
    _drip(handler, b"x")


@pytest.mark.parametrize("length", [None, "5000"])
def test_a_dripping_body_does_not_outlast_the_deadline(server: Server, fetch: Fetch, length: str | None) -> None:
    server.script = [lambda handler: _drips_body(handler, length)]
    began = time.monotonic()
    reply = fetch(timeout=0.3)
    assert time.monotonic() - began < 1.5
    assert str(reply.fault) == "the answer was not complete within 0.3 seconds"
    assert reply.body.strip() == b""


def test_dripping_headers_do_not_outlast_the_deadline(server: Server, fetch: Fetch) -> None:
    server.script = [_drips_headers, (200, {}, COINS)]
    began = time.monotonic()
    # curl has seen the status line by then, requests has not.
    try:
        fault = fetch(timeout=0.3).fault
    except Transient as error:
        fault = error
    assert time.monotonic() - began < 1.5
    assert str(fault) == "the answer was not complete within 0.3 seconds"
    assert fetch().body == COINS


def test_a_body_beyond_the_limit_is_cut_for_good(server: Server, fetch: Fetch) -> None:
    server.script = [(200, {"Content-Encoding": "gzip"}, gzip.compress(b" " * 50_000_000))]
    reply = fetch()
    assert isinstance(reply.fault, Permanent)
    assert "larger than 1,000,000 bytes" in str(reply.fault)
    assert len(reply.body) < 2 * LIMIT


def test_a_redirect_is_given_as_it_came(server: Server, fetch: Fetch) -> None:
    server.script = [(302, {"Location": "http://elsewhere.invalid/"}, b"<a href>")]
    reply = fetch()
    assert (reply.status, reply.headers["location"], reply.body) == (302, "http://elsewhere.invalid/", b"<a href>")
    assert len(server.asked) == 1


def test_nobody_listening_is_worth_another_try(server: Server, fetch: Fetch) -> None:
    server.close()
    with pytest.raises(Transient, match="no answer came"):
        fetch()


@pytest.mark.parametrize("url", ["", "nowhere", "http://", "http://[", "file:///etc/passwd", "gopher://127.0.0.1/"])
@pytest.mark.parametrize("make", [RequestsTransport, CurlTransport])
def test_what_is_no_url_of_a_vendor_is_refused_at_once(make: Callable[[str], Transport], url: str) -> None:
    with pytest.raises(Permanent, match="has to begin with https://"):
        make(url)


@pytest.mark.parametrize("make", [RequestsTransport, CurlTransport])
def test_a_proxy_in_the_environment_does_not_stand_before_this_machine(
    server: Server, monkeypatch: pytest.MonkeyPatch, make: Callable[[str], Transport]
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    transport = make(server.url)
    assert transport.fetch(server.url, {}, 5.0).body == COINS
    transport.close()
