"""One session used by many threads: every thread gets the answer to its own request."""

from __future__ import annotations

import itertools
import re
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

import httpkit
from httpkit.auth import HTTPDigestAuth
from httpkit.cookies import RequestsCookieJar, RFC6265Policy
from tests.servers import Received, RecordingServer, Reply

Serve = Callable[..., RecordingServer]
THREADS = 8


def together(work: Callable[[int], Any]) -> list[Any]:
    """What *work* gives for each thread's number, all of them starting at once. An error in one is raised here."""
    barrier = threading.Barrier(THREADS)

    def run(number: int) -> Any:
        barrier.wait()
        return work(number)

    with ThreadPoolExecutor(THREADS) as pool:
        return list(pool.map(run, range(THREADS)))


def mirror(request: Received) -> Reply:
    """The target and the body, and a cookie that names the target."""
    return Reply(
        200, [("Set-Cookie", f"c{request.target[1:]}=1")], request.target.encode() + b":" + request.body
    )


def test_bodies_are_not_crossed(serve: Serve) -> None:
    server = serve(mirror)
    with httpkit.Session() as session:
        session.cookies = RequestsCookieJar(RFC6265Policy(max_cookies_per_domain=3000))

        def work(number: int) -> list[tuple[bytes, bytes]]:
            sent = [(f"/{number}-{turn}", bytes([number]) * (turn * 997)) for turn in range(25)]
            return [
                (session.post(server.url + target, data=body).content, target.encode() + b":" + body)
                for target, body in sent
            ]

        for pairs in together(work):
            for received, expected in pairs:
                assert received == expected
        assert len(session.cookies) == THREADS * 25
    assert len(server.requests) == THREADS * 25
    assert server.connections <= THREADS


def test_streams_are_not_crossed(serve: Serve) -> None:
    server = serve(lambda request: Reply(body=[request.target.encode() * 50 for _ in range(20)]))
    with httpkit.Session() as session:

        def work(number: int) -> bool:
            for turn in range(5):
                target = f"/{number}-{turn}"
                with session.get(server.url + target, stream=True) as response:
                    if b"".join(response.iter_content(97)) != target.encode() * 1000:
                        return False
            return True

        assert together(work) == [True] * THREADS


def test_responses_given_up_early_do_not_disturb_others(serve: Serve) -> None:
    server = serve(lambda request: Reply(body=[request.target.encode() * 1000 for _ in range(20)]))
    with httpkit.Session() as session:

        def work(number: int) -> bool:
            for turn in range(5):
                target = f"/{number}-{turn}"
                with session.get(server.url + target, stream=True) as response:
                    piece = next(response.iter_content(len(target)))
                    if piece != target.encode():
                        return False
            return True

        assert together(work) == [True] * THREADS


def test_redirects_keep_their_own_history(serve: Serve) -> None:
    def hop(request: Received) -> Reply:
        name, _, number = request.target.rpartition("/")
        return Reply.redirect(f"{name}/{int(number) - 1}") if int(number) else Reply(body=name)

    server = serve(hop)
    with httpkit.Session() as session:

        def work(number: int) -> tuple[str, list[str]]:
            response = session.get(f"{server.url}/{number}/3")
            return response.text, [one.request.path_url for one in response.history]

        assert together(work) == [(f"/{n}", [f"/{n}/3", f"/{n}/2", f"/{n}/1"]) for n in range(THREADS)]


def test_one_digest_handler_answers_for_all(serve: Serve) -> None:
    nonces = itertools.count()

    def answer(request: Received) -> Reply:
        if f'uri="{request.target}"' in (request.header("authorization") or ""):
            return Reply(200, body=request.target)
        nonce = f'Digest realm="r", nonce="n{next(nonces)}", qop="auth", algorithm=SHA-256'
        return Reply(401, [("WWW-Authenticate", nonce)])

    server = serve(answer)
    auth = HTTPDigestAuth("user", "pass")
    with httpkit.Session() as session:

        def work(number: int) -> list[tuple[int, str]]:
            responses = [session.get(f"{server.url}/{number}-{turn}", auth=auth) for turn in range(5)]
            return [(response.status_code, response.text) for response in responses]

        assert together(work) == [[(200, f"/{n}-{turn}") for turn in range(5)] for n in range(THREADS)]
    fields = [field for request in server.requests for field in request.getlist("authorization")]
    uses = [re.findall(r'nonce="(n[0-9]+)"|nc=([0-9a-f]{8})', field) for field in fields]
    assert len(uses) == THREADS * 5
    assert len({str(use) for use in uses}) == len(uses), (
        "no count is used twice with one nonce (RFC 7616 §3.4)"
    )


@pytest.mark.parametrize("block", [True, False])
def test_a_pool_smaller_than_the_number_of_threads_serves_them_all(serve: Serve, block: bool) -> None:
    server = serve(mirror)
    with httpkit.Session() as session:
        session.mount("http://", httpkit.adapters.HTTPAdapter(pool_maxsize=2, pool_block=block))
        together(lambda number: [session.get(f"{server.url}/{number}").content for _ in range(10)])
    assert len(server.requests) == THREADS * 10
    if block:
        assert server.connections <= 2
