"""What is said about a socket that idles: by the system's count of bytes, by poll() and by select()."""

from __future__ import annotations

import contextlib
import socket
import struct
import sys
import time
from collections.abc import Iterator

import pytest

from httpkit._wire import probing
from httpkit._wire.probing import Probe

Pair = tuple[socket.socket, socket.socket]
WAYS = ["as usual", "poll", "select"]
counts = pytest.mark.skipif(sys.platform != "linux", reason="only Linux counts the bytes of a connection")


@pytest.fixture(params=WAYS)
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param == "select":
        monkeypatch.setattr(probing, "_poll", None)
    if request.param == "poll":
        monkeypatch.setattr(probing, "_COUNTS_BYTES", False)
    return str(request.param)


@pytest.fixture
def pair() -> Iterator[Pair]:
    """Both ends of a TCP connection, ours with a timeout as sessions have it."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        ours = socket.create_connection(listener.getsockname(), timeout=5)
        theirs, _ = listener.accept()
    with ours, theirs:
        yield ours, theirs


def soon(probe: Probe) -> bool:
    """Whether *probe* finds something: what the other end does takes its time to arrive."""
    end = time.monotonic() + 5
    while not probe.has_input() and time.monotonic() < end:
        time.sleep(0.001)
    return probe.has_input()


def exchange(pair: Pair, probe: Probe, answer: bytes = b"an answer") -> None:
    """A request and its answer, counted as connections do it."""
    ours, theirs = pair
    ours.sendall(b"a request")
    assert theirs.recv(100) == b"a request"
    theirs.sendall(answer)
    left = len(answer)
    while left:
        data = ours.recv(left)
        probe.received += len(data)
        left -= len(data)


def asks_no_more(probe: Probe) -> bool:
    """Whether *probe* can tell that there is nothing to read without asking poll()."""

    def asked() -> bool:
        calls.append(None)
        return usual()

    calls: list[None] = []
    usual, probe._is_readable = probe._is_readable, asked
    found = probe.has_input()
    probe._is_readable = usual
    assert not found
    return not calls


def knows(pair: Pair, probe: Probe) -> bool:
    """Whether *probe* has seen by now that all that is read is counted; it takes two looks and bytes in between."""
    assert not probe.has_input()
    exchange(pair, probe)
    assert not probe.has_input()
    return asks_no_more(probe)


def counting(pair: Pair) -> Probe:
    """A probe that has come to know how much was read."""
    probe = Probe(pair[0])
    assert knows(pair, probe)
    return probe


def test_nothing_on_a_connection_that_idles(way: str, pair: Pair) -> None:
    probe = Probe(pair[0])
    assert not probe.has_input()
    for _ in range(3):
        exchange(pair, probe)
        assert not probe.has_input()


def test_a_byte_is_seen_until_it_is_read(way: str, pair: Pair) -> None:
    ours, theirs = pair
    probe = Probe(ours)
    for _ in range(3):
        exchange(pair, probe)
        assert not probe.has_input()
        theirs.sendall(b"x")
        assert soon(probe)
        assert ours.recv(1) == b"x"
        assert not probe.has_input()


def test_more_than_fits_into_a_byte_of_the_answer_is_seen(way: str, pair: Pair) -> None:
    probe = Probe(pair[0])
    pair[1].sendall(bytes(65_536))
    assert soon(probe)


@pytest.mark.parametrize("exchanges", [0, 1, 3])
def test_the_end_is_seen(way: str, pair: Pair, exchanges: int) -> None:
    probe = Probe(pair[0])
    for _ in range(exchanges):
        exchange(pair, probe)
        assert not probe.has_input()
    pair[1].shutdown(socket.SHUT_WR)
    assert soon(probe)


@pytest.mark.parametrize("exchanges", [0, 1, 3])
def test_a_reset_is_seen(way: str, pair: Pair, exchanges: int) -> None:
    theirs = pair[1]
    probe = Probe(pair[0])
    for _ in range(exchanges):
        exchange(pair, probe)
        assert not probe.has_input()
    theirs.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    theirs.close()
    assert soon(probe)


def test_what_was_there_before_the_first_question_is_seen(way: str, pair: Pair) -> None:
    ours, theirs = pair
    theirs.sendall(b"x")
    time.sleep(0.05)
    assert Probe(ours).has_input()


def test_what_came_with_the_answer_and_was_not_read_is_seen(way: str, pair: Pair) -> None:
    ours, theirs = pair
    probe = Probe(ours)
    for _ in range(3):
        exchange(pair, probe)
        assert not probe.has_input()
    theirs.sendall(b"an answer, and more")
    probe.received += len(ours.recv(9))
    assert soon(probe)


def test_a_closed_socket_is_never_one_that_idles(way: str, pair: Pair) -> None:
    probe = Probe(pair[0])
    exchange(pair, probe)
    assert not probe.has_input()
    pair[0].close()
    found = True
    with contextlib.suppress(OSError, ValueError):
        found = probe.has_input()
    assert found


@pytest.mark.skipif(not hasattr(socket, "AF_UNIX"), reason="this system has no Unix sockets")
def test_a_unix_socket_is_asked_as_well(way: str) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        probe = Probe(ours)
        assert not probe.has_input()
        theirs.close()
        assert soon(probe)


@pytest.mark.parametrize("exchanges", [0, 3])
def test_what_comes_after_an_urgent_byte_is_seen(way: str, pair: Pair, exchanges: int) -> None:
    theirs = pair[1]
    probe = Probe(pair[0])
    for _ in range(exchanges):
        exchange(pair, probe)
        assert not probe.has_input()
    theirs.send(b"!", socket.MSG_OOB)
    theirs.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
    assert soon(probe)


@counts
def test_after_an_exchange_that_was_counted_poll_is_not_needed(pair: Pair) -> None:
    probe = counting(pair)
    for _ in range(3):
        exchange(pair, probe, bytes(100_000))
        assert asks_no_more(probe)


@counts
def test_bytes_that_nobody_counted_cost_questions_only(pair: Pair) -> None:
    probe = counting(pair)
    pair[1].sendall(b"not counted")
    assert pair[0].recv(100) == b"not counted"
    assert not asks_no_more(probe)
    assert not asks_no_more(probe)
    assert knows(pair, probe)


@counts
def test_an_urgent_byte_that_nobody_reads_costs_questions_only(pair: Pair) -> None:
    probe = counting(pair)
    pair[1].send(b"!", socket.MSG_OOB)
    time.sleep(0.05)
    assert not asks_no_more(probe)
    assert knows(pair, probe)
    pair[1].sendall(b"x")
    assert soon(probe)


@counts
@pytest.mark.parametrize("count", [0, 100_000])
def test_a_system_that_does_not_count_is_not_believed(pair: Pair, count: int) -> None:
    probe = Probe(pair[0])
    probe._info = lambda: probing._INFO.pack(probing._ESTABLISHED, count)
    for _ in range(3):
        exchange(pair, probe)
        assert not asks_no_more(probe)
        assert not asks_no_more(probe)
    pair[1].sendall(b"x")
    assert soon(probe)


@counts
@pytest.mark.parametrize("name", ["TCP_INFO", "SO_PROTOCOL"])
def test_a_python_without_the_question_asks_poll(
    pair: Pair, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.delattr(socket, name)
    probe = Probe(pair[0])
    for _ in range(3):
        exchange(pair, probe)
        assert not asks_no_more(probe)


@counts
def test_a_connection_of_several_streams_is_not_believed_by_one(way: str) -> None:
    try:
        sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM, getattr(socket, "IPPROTO_MPTCP", 262))
    except OSError as error:
        pytest.skip(f"no MPTCP here: {error}")
    with sock, socket.create_server(("127.0.0.1", 0)) as listener:
        sock.connect(listener.getsockname())
        theirs, _ = listener.accept()
        with theirs:
            probe = Probe(sock)
            for _ in range(3):
                exchange((sock, theirs), probe)
                assert not asks_no_more(probe)
            theirs.sendall(b"x")
            assert soon(probe)
