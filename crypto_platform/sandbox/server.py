"""The HTTP server that puts all vendors on one port. What they answer, and how an answer breaks, is elsewhere."""

from __future__ import annotations

import logging
import socket
import threading
from contextlib import suppress
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qsl, unquote, urlsplit

from crypto_platform.sandbox import wire
from crypto_platform.sandbox.answers import Answer, Request, Vendor, answer_json
from crypto_platform.sandbox.clock import Clock
from crypto_platform.sandbox.coingecko import CoinGecko
from crypto_platform.sandbox.coinpaprika import CoinPaprika
from crypto_platform.sandbox.control import Control, RequestLog
from crypto_platform.sandbox.faults import Faults, Plan, Rule
from crypto_platform.sandbox.limits import Limits
from crypto_platform.sandbox.market import Market
from crypto_platform.sandbox.yahoo import Yahoo

_CONTROL = "/_sandbox"
_LOG = logging.getLogger(__name__)


class Sandbox:
    """The simulated market with its clock, its faults and its vendors; `serve` puts it on a port."""

    def __init__(
        self,
        seed: int = 7,
        coins: int = 1_000,
        *,
        clock: Clock | None = None,
        faults: Plan | None = None,
        enforce_limits: bool = False,
    ) -> None:
        self.market = Market(seed, coins)
        self.clock = clock or Clock()
        self.faults = Faults(faults)
        self.log = RequestLog()
        self.limits = Limits() if enforce_limits else None
        self.control = Control(self.clock, self.faults, self.log, self.market.coins)
        coingecko, coinpaprika = CoinGecko(self.market), CoinPaprika(self.market)
        self._mounts: dict[str, tuple[Vendor, bool]] = {
            "/coingecko/api/v3": (coingecko, False),
            "/coingecko-pro/api/v3": (coingecko, True),
            "/coinpaprika/v1": (coinpaprika, False),
            "/coinpaprika-pro/v1": (coinpaprika, True),
            "/yahoo": (Yahoo(self.market), False),
        }

    def mount_of(self, path: str) -> tuple[str, Vendor, bool] | None:
        """The base path, the vendor and whether it is the paid host."""
        for base, (vendor, paid) in self._mounts.items():
            if path.startswith(f"{base}/"):
                return base, vendor, paid
        return None

    def serve(self, host: str = "127.0.0.1", port: int = 0) -> RunningSandbox:
        """Listens at once and answers from threads until the returned object is closed. Port 0 takes a free one."""
        return RunningSandbox(self, host, port)


class RunningSandbox:
    """A sandbox on a port: a context manager with a `url`."""

    def __init__(self, sandbox: Sandbox, host: str, port: int) -> None:
        self.sandbox = sandbox
        self._server = _Server((host, port), sandbox)
        self.port = int(self._server.server_address[1])
        self.url = f"http://{'127.0.0.1' if host in {'', '0.0.0.0'} else host}:{self.port}"  # noqa: S104
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, name="sandbox", daemon=True
        )
        self._thread.start()

    def close(self) -> None:
        """Stops listening; open connections are cut."""
        self._server.stopping.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
        for connection in self._server.connections.copy():
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self.stopping = threading.Event()
        self.connections: set[socket.socket] = set()
        super().__init__(address, _Handler)

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002
        _LOG.debug("A connection from %s broke.", client_address, exc_info=True)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server
    connection: socket.socket

    def setup(self) -> None:
        super().setup()
        self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.server.connections.add(self.connection)

    def finish(self) -> None:
        self.server.connections.discard(self.connection)
        super().finish()

    def do_GET(self) -> None:
        self._handle()

    do_PUT = do_DELETE = do_GET  # noqa: N815

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        _LOG.debug(format, *args)

    def _handle(self) -> None:
        sandbox = self.server.sandbox
        parts = urlsplit(self.path)
        path = unquote(parts.path)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if path.startswith(f"{_CONTROL}/"):
            return self._send(sandbox.control.answer(self.command, path.removeprefix(_CONTROL), body))
        mount = sandbox.mount_of(path)
        if mount is None:
            return self._send(answer_json({"error": f"The sandbox has no {path}."}, 404))
        if self.command != "GET":
            return self._send(answer_json({"error": "Only GET is answered here."}, 405))
        base, vendor, paid = mount
        headers = {name.lower(): value for name, value in self.headers.items()}
        query = dict(parse_qsl(parts.query, keep_blank_values=True))
        request = Request(path.removeprefix(base), query, headers, sandbox.clock.now(), paid, base)
        rule = sandbox.faults.decide(vendor.name, request.path, unquote(parts.query))
        if rule is not None:
            return self._fail(vendor, request, rule)
        if sandbox.limits and (wait := sandbox.limits.wait(vendor.name, paid=paid)):
            return self._send(_limited(vendor, wait, request.now), vendor.name, request.path)
        return self._send(vendor.answer(request), vendor.name, request.path)

    def _send(self, answer: Answer, vendor: str | None = None, path: str = "") -> None:
        if vendor:
            self.server.sandbox.log.add(vendor, path, str(answer.status))
        head, body = self._encoded(answer)
        self.connection.sendall(head + body)
        self.log_message("%s %s %d", self.command, self.path, answer.status)

    def _encoded(self, answer: Answer) -> tuple[bytes, bytes]:
        gzipped = "gzip" in self.headers.get("Accept-Encoding", "")
        return wire.encoded(answer, self.server.sandbox.clock.now(), gzipped=gzipped, close=self.close_connection)

    def _fail(self, vendor: Vendor, request: Request, rule: Rule) -> None:
        """Answers as a rule of the fault plan says."""
        match rule.kind:
            case "429" | "500" | "503":
                self._send(vendor.failure(int(rule.kind)), vendor.name, request.path)
            case "429_retry_after":
                refused = vendor.failure(429)
                seconds = {"Retry-After": f"{rule.retry_after:g}"}
                self._send(Answer(429, refused.body, refused.content_type, seconds), vendor.name, request.path)
            case "429_in_200":
                refused = vendor.failure(429)
                self._send(Answer(200, refused.body, refused.content_type), vendor.name, request.path)
            case "html":
                self._send(wire.html_page(), vendor.name, request.path)
            case "truncated":
                whole = vendor.answer(request)
                half = Answer(whole.status, whole.body[: len(whole.body) // 2], whole.content_type)
                self._send(half, vendor.name, request.path)
            case kind:
                self._break(kind, vendor, request)

    def _break(self, kind: str, vendor: Vendor, request: Request) -> None:
        """Leaves the connection unusable, one way or another."""
        self.server.sandbox.log.add(vendor.name, request.path, kind)
        self.close_connection = True
        with suppress(OSError):
            if kind == "reset":
                wire.reset(self.connection)
            elif kind == "timeout":
                wire.hang(self.connection, self.server.stopping)
            else:
                head, body = self._encoded(vendor.answer(request))
                if kind == "drip":
                    wire.drip(self.connection, head, body, self.server.stopping)
                else:
                    self.connection.sendall(head + body[: len(body) // 2])


def _limited(vendor: Vendor, wait: float, now: float) -> Answer:
    """A 429 that says sometimes when to come back, in one of two ways, and sometimes nothing."""
    refused = vendor.failure(429)
    reset = datetime.fromtimestamp(now + wait, UTC).strftime("%Y-%m-%d %H:%M:%S +0000")
    hints: tuple[dict[str, str], ...] = ({"Retry-After": str(int(wait) + 1)}, {"x-ratelimit-reset": reset}, {})
    return Answer(429, refused.body, refused.content_type, hints[int(now * 1_000) % 3])
