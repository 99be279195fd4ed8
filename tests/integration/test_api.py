"""The functions: each call for itself, over connections that all of them share."""

from __future__ import annotations

import inspect
import threading
from collections.abc import Callable
from typing import Any

import pytest

import httpkit
from httpkit import api
from tests.servers import RecordingServer, Reply

Serve = Callable[..., RecordingServer]
VERBS = ["get", "options", "head", "post", "put", "patch", "delete"]


@pytest.mark.parametrize("verb", VERBS)
def test_each_function_sends_its_method(server: RecordingServer, verb: str) -> None:
    response = getattr(httpkit, verb)(server.url + "/x")
    assert response.status_code == 200
    assert (server.last.method, server.last.target) == (verb.upper(), "/x")


@pytest.mark.parametrize("method", ["GET", "purge", "M-SEARCH"])
def test_request_sends_any_method(server: RecordingServer, method: str) -> None:
    httpkit.request(method, server.url)
    assert server.last.method == method.upper()


@pytest.mark.parametrize("verb", VERBS)
def test_every_keyword_is_passed_on(server: RecordingServer, verb: str) -> None:
    getattr(httpkit, verb)(
        server.url,
        params={"p": "1"},
        headers={"X-A": "1"},
        cookies={"c": "1"},
        auth=("u", "p"),
        timeout=5,
        allow_redirects=True,
        proxies={"http": None},
        hooks={"response": lambda r, **kwargs: None},
        stream=False,
        verify=True,
        cert=None,
    )
    assert server.last.target == "/?p=1"
    assert [server.last.header(name) for name in ("x-a", "cookie", "authorization")] == [
        "1",
        "c=1",
        "Basic dTpw",
    ]


def test_positional_arguments_are_those_of_requests(server: RecordingServer) -> None:
    httpkit.get(server.url, {"p": "1"})
    assert server.last.target == "/?p=1"
    httpkit.post(server.url, {"d": "1"})
    assert server.last.body == b"d=1"
    httpkit.post(server.url, None, {"j": 1})
    assert server.last.json() == {"j": 1}
    httpkit.put(server.url, b"put")
    assert server.last.body == b"put"
    httpkit.patch(server.url, b"patch")
    assert server.last.body == b"patch"


@pytest.mark.parametrize("verb", VERBS)
def test_all_but_head_follow_redirects(serve: Serve, verb: str) -> None:
    server = serve({"/0": Reply.redirect("/1", 307), "/1": Reply(200)})
    assert getattr(httpkit, verb)(server.url + "/0").status_code == (307 if verb == "head" else 200)


def test_calls_share_one_connection(server: RecordingServer) -> None:
    for verb in VERBS:
        getattr(httpkit, verb)(server.url)
    assert len(server.requests) == len(VERBS)
    assert server.connections == 1


def test_tls_calls_share_one_connection_per_setting(https_server: RecordingServer, ca_file: str) -> None:
    url = https_server.url_as("localhost")
    for _ in range(3):
        httpkit.get(url, verify=ca_file)
    assert https_server.connections == 1
    with pytest.warns(Warning, match="Unverified"):
        httpkit.get(url, verify=False)
    assert https_server.connections == 2
    with pytest.raises(httpkit.exceptions.SSLError):
        httpkit.get(url)
    assert len(https_server.requests) == 4


def test_calls_share_no_cookies_auth_or_headers(serve: Serve) -> None:
    server = serve(Reply(200, [("Set-Cookie", "a=1")]))
    httpkit.get(server.url, auth=("u", "p"), headers={"X-A": "1"}, cookies={"b": "2"}, params={"p": "1"})
    httpkit.get(server.url)
    assert [server.last.getlist(name) for name in ("cookie", "authorization", "x-a")] == [[], [], []]
    assert server.last.target == "/"


def test_threads_make_one_pool(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Any] = []

    class Counted(api.HTTPAdapter):
        def __init__(self) -> None:
            super().__init__()
            made.append(self)

    monkeypatch.setattr(api, "_shared", None)
    monkeypatch.setattr(api, "HTTPAdapter", Counted)
    server = serve()
    barrier = threading.Barrier(8)

    def call() -> None:
        barrier.wait()
        httpkit.get(server.url)

    threads = [threading.Thread(target=call) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(server.requests) == 8
    assert len(made) == 1
    made[0].close()


def test_closing_a_response_does_not_close_the_pool(server: RecordingServer) -> None:
    with httpkit.get(server.url, stream=True) as response:
        assert response.content
    httpkit.get(server.url)
    assert server.connections == 1


def test_a_session_of_its_own_is_closed_without_harm(server: RecordingServer) -> None:
    httpkit.get(server.url)
    with httpkit.Session() as session:
        session.get(server.url)
    httpkit.get(server.url)
    assert server.connections == 2


def test_the_environment_is_read_for_each_call(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    from tests.servers import ProxyServer

    origin = serve()
    with ProxyServer({"origin.test": origin}) as proxy:
        monkeypatch.setenv("http_proxy", proxy.url)
        assert httpkit.get("http://origin.test/").status_code == 200
        assert proxy.last.target == "http://origin.test/"
        monkeypatch.delenv("http_proxy")
        httpkit.get(origin.url)
        assert len(proxy.requests) == 1


@pytest.mark.parametrize("verb", [*VERBS, "request"])
def test_signatures_are_those_of_requests(verb: str) -> None:
    requests = pytest.importorskip("requests")
    theirs = inspect.signature(getattr(requests, verb)).parameters
    ours = inspect.signature(getattr(httpkit, verb)).parameters
    assert [(p.name, p.kind, p.default) for p in ours.values()] == [
        (p.name, p.kind, p.default) for p in theirs.values()
    ]


def test_each_function_is_documented() -> None:
    assert all(getattr(httpkit, verb).__doc__ for verb in [*VERBS, "request"])
