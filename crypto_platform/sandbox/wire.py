"""Answers on the wire, well-behaved and broken: the only file that touches a raw socket."""

from __future__ import annotations

import gzip
import os
import select
import socket
import struct
import threading
from email.utils import formatdate
from http import HTTPStatus
from typing import Final

from crypto_platform.sandbox.answers import Answer

_GZIP_FROM: Final = 500
_DRIP_SECONDS: Final = 0.02
_POLL_SECONDS: Final = 0.1
_HTML: Final = b"<!DOCTYPE html><html><head><title>Just a moment...</title></head><body>Checking</body></html>"


def html_page() -> Answer:
    """What a gateway puts in front of an API: HTML with status 200."""
    return Answer(200, _HTML, "text/html; charset=UTF-8")


def encoded(answer: Answer, now: float, *, gzipped: bool, close: bool = False) -> tuple[bytes, bytes]:
    """Head and body of an HTTP/1.1 answer."""
    body = answer.body
    headers = {"Date": formatdate(now, usegmt=True), "Content-Type": answer.content_type, **answer.headers}
    if gzipped and len(body) >= _GZIP_FROM:
        body = gzip.compress(body, 1, mtime=0)
        headers["Content-Encoding"] = "gzip"
    headers["Content-Length"] = str(len(body))
    headers["Connection"] = "close" if close else "keep-alive"
    status = HTTPStatus(answer.status)
    lines = [f"HTTP/1.1 {status.value} {status.phrase}", *(f"{name}: {value}" for name, value in headers.items())]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1"), body


def reset(connection: socket.socket) -> None:
    """Closes with RST instead of FIN, so that the client sees its connection reset."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    os.close(connection.detach())


def drip(connection: socket.socket, head: bytes, body: bytes, stop: threading.Event) -> None:
    """Sends the body byte by byte, until it is out, the client has gone, or the server stops."""
    connection.sendall(head)
    for at in range(len(body)):
        connection.sendall(body[at : at + 1])
        if stop.wait(_DRIP_SECONDS) or _client_left(connection, 0):
            return


def hang(connection: socket.socket, stop: threading.Event) -> None:
    """Answers nothing until the client gives up."""
    while not stop.is_set() and not _client_left(connection, _POLL_SECONDS):
        pass


def _client_left(connection: socket.socket, seconds: float) -> bool:
    readable, _, _ = select.select([connection], [], [], seconds)
    if not readable:
        return False
    try:
        return not connection.recv(1, socket.MSG_PEEK)
    except OSError:
        return True
