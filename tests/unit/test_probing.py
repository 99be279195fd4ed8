"""What is said about a socket that idles, by poll() and by select()."""

from __future__ import annotations

import socket
import struct
import time
from collections.abc import Callable, Iterator

import pytest

from httpkit._wire import probing
from httpkit._wire.probing import probe_of

Pair = tuple[socket.socket, socket.socket]
WAYS = ["as usual", "select"]


@pytest.fixture(params=WAYS)
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param == "select":
        monkeypatch.setattr(probing, "_poll", None)
    return str(request.param)


@pytest.fixture
def pair() -> Iterator[Pair]:
    """Both ends of a TCP connection, ours with a timeout as sessions have it."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        ours = socket.create_connection(listener.getsockname(), timeout=5)
        theirs, _ = listener.accept()
    with ours, theirs:
        yield ours, theirs


def soon(probe: Callable[[], object]) -> bool:
    """Whether *probe* turns true: what the other end does takes its time to arrive."""
    end = time.monotonic() + 5
    while not probe() and time.monotonic() < end:
        time.sleep(0.001)
    return bool(probe())


def test_nothing_on_a_connection_that_idles(way: str, pair: Pair) -> None:
    ours, theirs = pair
    probe = probe_of(ours)
    assert not probe()
    ours.sendall(b"a request")
    assert theirs.recv(100) == b"a request"
    assert not probe()
    theirs.sendall(b"an answer")
    assert ours.recv(100) == b"an answer"
    assert not probe()


def test_a_byte_is_seen_until_it_is_read(way: str, pair: Pair) -> None:
    ours, theirs = pair
    probe = probe_of(ours)
    theirs.sendall(b"x")
    assert soon(probe)
    assert ours.recv(1) == b"x"
    assert not probe()


def test_more_than_fits_into_a_byte_of_the_answer_is_seen(way: str, pair: Pair) -> None:
    ours, theirs = pair
    probe = probe_of(ours)
    theirs.sendall(bytes(65_536))
    assert soon(probe)


def test_the_end_is_seen(way: str, pair: Pair) -> None:
    ours, theirs = pair
    probe = probe_of(ours)
    theirs.shutdown(socket.SHUT_WR)
    assert soon(probe)


def test_a_reset_is_seen(way: str, pair: Pair) -> None:
    ours, theirs = pair
    probe = probe_of(ours)
    theirs.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    theirs.close()
    assert soon(probe)


def test_what_was_there_before_the_first_question_is_seen(way: str, pair: Pair) -> None:
    ours, theirs = pair
    theirs.sendall(b"x")
    time.sleep(0.05)
    assert probe_of(ours)()


def test_a_closed_socket_is_never_one_that_idles(way: str, pair: Pair) -> None:
    ours, _ = pair
    probe = probe_of(ours)
    ours.close()
    try:
        found = bool(probe())
    except (OSError, ValueError):
        found = True
    assert found


@pytest.mark.skipif(not hasattr(socket, "AF_UNIX"), reason="this system has no Unix sockets")
def test_a_unix_socket_is_asked_as_well(way: str) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        probe = probe_of(ours)
        assert not probe()
        theirs.close()
        assert soon(probe)


def test_what_comes_after_an_urgent_byte_is_seen(way: str, pair: Pair) -> None:
    ours, theirs = pair
    probe = probe_of(ours)
    theirs.send(b"!", socket.MSG_OOB)
    theirs.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
    assert soon(probe)
