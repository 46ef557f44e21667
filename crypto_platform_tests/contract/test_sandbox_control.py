"""The sandbox's control routes, each kind of fault as a client sees it, and the command."""

import csv
import io
import json
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from crypto_platform.sandbox.clock import Clock, parse_moment
from crypto_platform.sandbox.server import RunningSandbox, Sandbox

NOW = parse_moment("2026-11-20T12:00:00Z")
PING = "/coingecko/api/v3/ping"
MARKETS = "/coingecko/api/v3/coins/markets?vs_currency=usd"


@pytest.fixture
def running() -> Iterator[RunningSandbox]:
    with Sandbox(7, 40, clock=Clock(lambda: NOW)).serve() as running:
        yield running


def control(running: RunningSandbox, method: str, name: str, body: Any = None) -> requests.Response:
    return requests.request(method, f"{running.url}/_sandbox/{name}", json=body, timeout=10)


def get(running: RunningSandbox, path: str, timeout: float = 10) -> requests.Response:
    return requests.get(running.url + path, timeout=timeout)


def fail(running: RunningSandbox, kind: str, **rule: Any) -> None:
    assert control(running, "PUT", "faults", {"rules": [{"kind": kind, **rule}]}).status_code == 200


def test_the_clock_can_be_set_back_advanced_and_set_free(running: RunningSandbox) -> None:
    assert control(running, "GET", "clock").json() == {"now": "2026-11-20T12:00:00Z"}
    changed = control(running, "PUT", "clock", {"now": "2026-03-01T00:00:00Z", "frozen": True})
    assert changed.json() == {"now": "2026-03-01T00:00:00Z"}
    assert control(running, "PUT", "clock", {"advance_seconds": 3600}).json() == {"now": "2026-03-01T01:00:00Z"}
    assert get(running, PING).headers["Date"] == "Sun, 01 Mar 2026 01:00:00 GMT"
    assert control(running, "PUT", "clock", {"real": True}).json() == {"now": "2026-11-20T12:00:00Z"}


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"now": "2026-11-20T12:00:01Z"}, "never runs ahead"),
        ({"advance_seconds": 1}, "never runs ahead"),
        ({"now": "soon"}, "not an ISO time"),
        ({}, "Say what the clock should do"),
        ({"hour": 3}, "not usable"),
    ],
)
def test_a_clock_that_cannot_be_is_refused_in_a_sentence(running: RunningSandbox, change: Any, sentence: str) -> None:
    refused = control(running, "PUT", "clock", change)
    assert refused.status_code == 400
    assert sentence in refused.json()["error"]
    assert control(running, "GET", "clock").json() == {"now": "2026-11-20T12:00:00Z"}


def test_requests_are_counted_by_vendor_path_and_status(running: RunningSandbox) -> None:
    get(running, PING)
    get(running, PING)
    get(running, "/yahoo/v8/finance/chart/NOPE-USD")
    assert control(running, "GET", "requests").json() == {
        "total": 3,
        "requests": [
            {"vendor": "coingecko", "path": "/ping", "status": "200", "count": 2},
            {"vendor": "yahoo", "path": "/v8/finance/chart/NOPE-USD", "status": "404", "count": 1},
        ],
    }
    assert control(running, "DELETE", "requests").json() == {"total": 0, "requests": []}


def test_the_crosswalk_tells_which_ids_are_one_coin(running: RunningSandbox) -> None:
    rows = list(csv.DictReader(io.StringIO(control(running, "GET", "crosswalk").text)))
    assert len(rows) == 40
    assert rows[0] == {
        "asset_id": "bitcoin", "symbol": "btc", "name": "Bitcoin", "coingecko": "bitcoin",
        "coinpaprika": "btc-bitcoin", "yahoo": "BTC-USD",
    }  # fmt: skip
    assert all(row["yahoo"].endswith("-USD") for row in rows)


def test_an_unknown_control_route_names_those_there_are(running: RunningSandbox) -> None:
    answer = control(running, "GET", "weather")
    assert answer.status_code == 404
    assert "GET /_sandbox/clock" in answer.json()["error"]


def test_a_fault_plan_is_read_back_and_a_bad_one_refused(running: RunningSandbox) -> None:
    fail(running, "reset", vendor="yahoo", times=2)
    assert control(running, "GET", "faults").json()["rules"][0]["vendor"] == "yahoo"
    refused = control(running, "PUT", "faults", [{"kind": "meteor"}])
    assert refused.status_code == 400
    assert "meteor" in refused.json()["error"]


@pytest.mark.parametrize("kind", ["429", "500", "503"])
def test_a_status_fault_gives_its_status_as_often_as_told(running: RunningSandbox, kind: str) -> None:
    fail(running, kind, times=2)
    assert [get(running, PING).status_code for _ in range(3)] == [int(kind), int(kind), 200]


def test_vendors_fail_each_in_their_own_words(running: RunningSandbox) -> None:
    fail(running, "429")
    assert get(running, PING).json()["status"]["error_code"] == 429
    assert get(running, "/yahoo/v8/finance/chart/BTC-USD").text.strip() == "Too Many Requests"
    assert get(running, "/coinpaprika/v1/tickers").json() == {"error": "too many requests"}
    fail(running, "500")
    assert get(running, PING).json() == {"status": 500, "error": "Internal Server Error"}


def test_a_refusal_may_say_when_to_come_back(running: RunningSandbox) -> None:
    fail(running, "429_retry_after", retry_after=7)
    assert get(running, PING).headers["Retry-After"] == "7"


def test_a_refusal_may_hide_in_a_200(running: RunningSandbox) -> None:
    fail(running, "429_in_200")
    answer = get(running, PING)
    assert answer.status_code == 200
    assert answer.json()["status"]["error_code"] == 429


def test_a_reset_is_a_connection_reset(running: RunningSandbox) -> None:
    fail(running, "reset")
    with socket.create_connection(("127.0.0.1", running.port), timeout=5) as connection:
        connection.sendall(f"GET {PING} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        with pytest.raises(ConnectionResetError):
            connection.recv(1)


def test_a_timeout_never_answers(running: RunningSandbox) -> None:
    fail(running, "timeout", times=1)
    with pytest.raises(requests.ReadTimeout):
        get(running, PING, timeout=0.3)
    assert get(running, PING).status_code == 200


def test_a_drip_sends_byte_by_byte(running: RunningSandbox) -> None:
    fail(running, "drip")
    with requests.get(running.url + MARKETS, stream=True, timeout=5) as answer:
        assert answer.status_code == 200
        assert len(answer.raw.read1()) < 20


def test_a_truncated_answer_has_the_length_it_claims_but_no_end(running: RunningSandbox) -> None:
    fail(running, "truncated")
    answer = get(running, MARKETS)
    assert answer.status_code == 200
    with pytest.raises(requests.JSONDecodeError):
        answer.json()


def test_a_cut_answer_is_shorter_than_it_claims(running: RunningSandbox) -> None:
    fail(running, "cut")
    with pytest.raises(requests.exceptions.ChunkedEncodingError, match="IncompleteRead"):
        get(running, MARKETS)


def test_html_comes_with_status_200(running: RunningSandbox) -> None:
    fail(running, "html")
    answer = get(running, MARKETS)
    assert answer.status_code == 200
    assert answer.headers["Content-Type"].startswith("text/html")
    assert answer.text.startswith("<!DOCTYPE html>")


def test_a_fault_without_a_status_is_counted_by_its_kind(running: RunningSandbox) -> None:
    fail(running, "cut")
    with pytest.raises(requests.exceptions.RequestException):
        get(running, MARKETS)
    assert control(running, "GET", "requests").json()["requests"][0]["status"] == "cut"


def test_closing_lets_go_of_clients_that_hang_and_cuts_idle_connections() -> None:
    running = Sandbox(7, 10).serve()
    fail(running, "timeout", times=1)
    outcome: list[str] = []
    asked = threading.Event()

    def hang() -> None:
        with socket.create_connection(("127.0.0.1", running.port), timeout=5) as connection:
            connection.sendall(f"GET {PING} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            asked.set()
            outcome.append(f"{len(connection.recv(1))} bytes")

    client = threading.Thread(target=hang)
    client.start()
    assert asked.wait(5)
    with requests.Session() as session:
        while control(running, "GET", "requests").json()["total"] == 0:
            pass
        session.get(running.url + PING, timeout=5)
        running.close()
        client.join(5)
        assert outcome == ["0 bytes"]
        with pytest.raises(requests.ConnectionError):
            session.get(running.url + PING, timeout=5)


def test_answers_are_gzipped_for_who_can_read_it(running: RunningSandbox) -> None:
    zipped = requests.get(running.url + MARKETS, timeout=5)
    plain = requests.get(running.url + MARKETS, timeout=5, headers={"Accept-Encoding": "identity"})
    assert zipped.headers["Content-Encoding"] == "gzip"
    assert "Content-Encoding" not in plain.headers
    assert zipped.content == plain.content
    assert plain.headers["Content-Type"] == "application/json; charset=utf-8"


RUN = "from crypto_platform.sandbox.command import sandbox; sandbox()"


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_the_command_says_when_it_is_ready_and_stops_cleanly(tmp_path: Path, how: signal.Signals) -> None:
    ready = tmp_path / "ready.json"
    command = [
        sys.executable,
        "-c",
        RUN,
        "--port",
        "0",
        "--coins",
        "10",
        "--clock",
        "2026-03-01",
        "--ready-file",
        ready,
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        # The line comes before the file; the first answer after both.
        while not ready.exists():
            assert process.poll() is None
        told = json.loads(ready.read_text())
        assert told["pid"] == process.pid
        assert told["url"] in line
        assert requests.get(told["url"] + "/_sandbox/clock", timeout=5).json()["now"].startswith("2026-03-01T00:00")
        process.send_signal(how)
        assert process.wait(10) == 0
        assert process.stdout.read() == ""


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--clock", "2999-01-01"], "never runs ahead"),
        (["--clock", "soon"], "not an ISO time"),
        (["--faults", "nowhere.json"], "nowhere.json cannot be read"),
        (["--coins", "3"], "not in the range"),
    ],
)
def test_the_command_refuses_bad_options_in_a_sentence(options: list[str], sentence: str) -> None:
    done = subprocess.run([sys.executable, "-c", RUN, *options], capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr


def test_the_command_says_that_its_port_is_taken(running: RunningSandbox) -> None:
    command = [sys.executable, "-c", RUN, "--coins", "10", "--port", str(running.port)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert f"port {running.port} is already in use; choose another with --port" in done.stderr
