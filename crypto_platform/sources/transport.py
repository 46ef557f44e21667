"""One request over the wire, within a deadline and a size limit. What an answer means is not decided here."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urlsplit
from weakref import WeakSet

from crypto_platform.sources.errors import Permanent, Transient, UpstreamError

if TYPE_CHECKING:
    import requests

MAX_BODY = 256 * 1024 * 1024
_CONNECT_SECONDS = 10.0
_CHUNK = 65_536


@dataclass(frozen=True)
class Reply:
    """What came back, as far as it came; `fault` says what cut it short."""

    status: int
    headers: dict[str, str]
    body: bytes
    fault: UpstreamError | None = None


class Transport(Protocol):
    """Asks one URL. Redirects are not followed, and a reply is complete within the timeout or has a fault.

    Raises Transient or Permanent where nothing came back at all.
    """

    def fetch(self, url: str, headers: Mapping[str, str], timeout: float) -> Reply: ...

    def close(self) -> None: ...


class RequestsTransport:
    """By requests, for vendors that take any client."""

    def __init__(self, base_url: str, max_body: int = MAX_BODY) -> None:
        import requests

        self._max_body = max_body
        self._session = requests.Session()
        # Otherwise requests would read the body of a redirect by itself, without a limit.
        self._session.get_redirect_target = lambda resp: None  # type: ignore[method-assign]  # noqa: ARG005
        # A proxy from the environment cannot reach this machine's own servers.
        self._session.trust_env = not _is_this_machine(_host_of(base_url))
        self._connections: WeakSet[Any] = WeakSet()
        adapter = _remembering_adapter(self._connections)
        self._session.mount("http://", adapter)
        self._session.mount("https://", adapter)

    def fetch(self, url: str, headers: Mapping[str, str], timeout: float) -> Reply:
        import requests

        with _deadline(timeout, self._connections) as deadline:
            try:
                response = self._session.get(
                    url,
                    headers=dict(headers),
                    timeout=(min(timeout, _CONNECT_SECONDS), timeout),
                    stream=True,
                    allow_redirects=False,
                )
            except requests.RequestException as error:
                raise _nothing_came(error, timeout, expired=deadline.expired) from None
            deadline.watch(response)
            return self._read(response, deadline, timeout)

    def _read(self, response: requests.Response, deadline: _Deadline, timeout: float) -> Reply:
        from urllib3.exceptions import HTTPError

        body = bytearray()
        fault: UpstreamError | None = None
        try:
            # read1 gives what is there; a fuller read would forget it when the connection breaks.
            while chunk := response.raw.read1(_CHUNK, decode_content=True):
                body += chunk
                if len(body) > self._max_body:
                    fault = _too_large(self._max_body)
                    break
        except (HTTPError, OSError) as error:
            fault = Transient(f"the answer broke off after {len(body):,} bytes ({_kind(error)})")
        if deadline.expired:
            fault = _too_slow(timeout)
        if fault:
            response.close()
        return Reply(response.status_code, _lower(response.headers), bytes(body), fault)

    def close(self) -> None:
        self._session.close()


class CurlTransport:
    """By curl with a browser's TLS fingerprint, for vendors that turn plain clients away."""

    def __init__(self, base_url: str, max_body: int = MAX_BODY) -> None:
        from curl_cffi import CurlOpt
        from curl_cffi import requests as curl

        self._max_body = max_body
        # An empty list of proxies would leave curl to read the environment by itself.
        options: dict[Any, Any] = {CurlOpt.NOPROXY: "*"} if _is_this_machine(_host_of(base_url)) else {}
        self._session: Any = curl.Session(impersonate="chrome", curl_options=options)

    def fetch(self, url: str, headers: Mapping[str, str], timeout: float) -> Reply:
        from curl_cffi import requests as curl
        from curl_cffi.curl import CURL_WRITEFUNC_ERROR

        body = bytearray()

        def take(chunk: bytes) -> int:
            body.extend(chunk)
            return CURL_WRITEFUNC_ERROR if len(body) > self._max_body else len(chunk)

        try:
            # curl's time-out is for the whole transfer, so a slow drip does not outlast it.
            response = self._session.get(
                url, headers=dict(headers), timeout=timeout, allow_redirects=False, content_callback=take, quote=False
            )
        except curl.exceptions.RequestException as error:
            late = isinstance(error, curl.exceptions.Timeout)
            if not error.response or not error.response.status_code:
                raise _nothing_came(error, timeout, expired=late) from None
            fault: UpstreamError = Transient(f"the answer broke off after {len(body):,} bytes ({_kind(error)})")
            if len(body) > self._max_body:
                fault = _too_large(self._max_body)
            elif late:
                fault = _too_slow(timeout)
            return Reply(error.response.status_code, _lower(error.response.headers), bytes(body), fault)
        return Reply(response.status_code, _lower(response.headers), bytes(body))

    def close(self) -> None:
        self._session.close()


class _Deadline:
    """Cuts what is in flight when time is up; socket time-outs alone begin anew with every byte."""

    def __init__(self, connections: WeakSet[Any]) -> None:
        self._connections = connections
        self._shutdown: Callable[[], None] | None = None
        self.expired = False

    def watch(self, response: requests.Response) -> None:
        # From here on the response owns the socket, and a closing connection has let go of it.
        self._shutdown = response.raw.shutdown
        if self.expired:
            self.cut()

    def cut(self) -> None:
        self.expired = True
        for connection in list(self._connections):
            sock = connection.sock
            if sock is not None:
                with suppress(OSError):
                    sock.shutdown(socket.SHUT_RDWR)
        if self._shutdown is not None:
            # ValueError and RuntimeError: the answer was complete after all.
            with suppress(OSError, ValueError, RuntimeError):
                self._shutdown()


@contextmanager
def _deadline(seconds: float, connections: WeakSet[Any]) -> Iterator[_Deadline]:
    deadline = _Deadline(connections)
    timer = threading.Timer(seconds, deadline.cut)
    timer.daemon = True
    timer.start()
    try:
        yield deadline
    finally:
        timer.cancel()


def _remembering_adapter(connections: WeakSet[Any]) -> Any:
    """An adapter whose connections can be found, and cut, while they wait for an answer's headers."""
    from requests.adapters import HTTPAdapter

    class Remembering(HTTPAdapter):
        def get_connection_with_tls_context(self, *args: Any, **kwargs: Any) -> Any:
            pool: Any = super().get_connection_with_tls_context(*args, **kwargs)
            if "ConnectionCls" not in vars(pool):
                make = pool.ConnectionCls

                def remembered(*args: Any, **kwargs: Any) -> Any:
                    connection = make(*args, **kwargs)
                    connections.add(connection)
                    return connection

                pool.ConnectionCls = remembered
            return pool

    return Remembering(max_retries=0)


def _nothing_came(error: Exception, timeout: float, *, expired: bool) -> UpstreamError:
    if expired:
        return _too_slow(timeout)
    text = str(error).lower()
    if "certificate" in text and "verif" in text:
        return Permanent("its certificate cannot be verified; check the clock, the proxy and the CA bundle")
    if isinstance(error, ValueError):
        # requests and curl both derive their complaints about a URL or a header from ValueError.
        return Permanent(f"the request cannot be sent ({_kind(error)}); check the URL and the key in the settings")
    return Transient(f"no answer came ({_kind(error)})")


def _too_slow(timeout: float) -> Transient:
    return Transient(f"the answer was not complete within {timeout:g} seconds")


def _too_large(limit: int) -> Permanent:
    return Permanent(f"the answer is larger than {limit:,} bytes")


def _kind(error: Exception) -> str:
    # The exception's own text would repeat URLs and addresses.
    return type(error).__name__


def _lower(headers: Mapping[str, Any]) -> dict[str, str]:
    # Cookies are the one thing in an answer that acts as a key.
    return {name.lower(): str(value) for name, value in headers.items() if name.lower() != "set-cookie"}


def _host_of(base_url: str) -> str:
    """The host, once it is certain that there is one: curl would read files and speak to mail servers too."""
    try:
        parts = urlsplit(base_url)
        if parts.scheme in {"http", "https"} and parts.hostname:
            return parts.hostname
    except ValueError:
        pass
    # The URL is not repeated: it may hold a login.
    raise Permanent("A vendor's base URL has to begin with https:// or http:// and name a host; correct the setting.")


def _is_this_machine(host: str) -> bool:
    return host in {"localhost", "::1"} or host.startswith("127.")
