"""The page of differences: each test that it names exists, and differences that only a whole call shows."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable
from pathlib import Path

import certifi
import pytest
import urllib3

import httpkit
from httpkit import exceptions
from tests.servers import READ_REQUEST, Authority, RawServer, RecordingServer, Reply

CITED = re.compile(r"`(\w+/test_\w+\.py)::(test_\w+)`")


def names_in(path: Path) -> set[str]:
    """The names of the test functions of a file, those inside classes too."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


def test_every_difference_is_held_by_a_test_that_exists(project: Path) -> None:
    page = (project / "docs" / "compatibility.md").read_text(encoding="utf-8")
    cited = CITED.findall(page)
    assert len(cited) > 40
    missing = [f"{file}::{name}" for file, name in cited if name not in names_in(project / "tests" / file)]
    assert missing == []


def test_every_row_names_its_test(project: Path) -> None:
    page = (project / "docs" / "compatibility.md").read_text(encoding="utf-8")
    rows = [line for line in page.splitlines() if line.startswith("| ") and "| why |" not in line]
    assert [row for row in rows if not CITED.search(row) and not row.startswith("| ---")] == []


def test_functions_share_connections_and_nothing_else(serve: Callable[..., RecordingServer]) -> None:
    server = serve(Reply(200, [("Set-Cookie", "a=1; Path=/")]))
    httpkit.get(server.url, auth=("user", "pass"), headers={"X-A": "1"})
    for function in (httpkit.get, httpkit.post, httpkit.put, httpkit.delete):
        function(server.url)
    assert server.connections == 1
    first, *others = server.requests
    assert first.header("authorization")
    assert first.header("x-a")
    for request in others:
        assert not {"authorization", "x-a", "cookie"} & {name.lower() for name in request.names}


@pytest.mark.filterwarnings("ignore:Unverified HTTPS request")
@pytest.mark.parametrize("variable", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
def test_verify_false_on_the_session_beats_a_bundle_in_the_environment(
    variable: str, https_server: RecordingServer, ca: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, certifi.where())
    with httpkit.Session() as session:
        with pytest.raises(httpkit.exceptions.SSLError):
            session.get(https_server.url)
        session.verify = False
        assert session.get(https_server.url).ok
        session.verify = ca.file
        assert session.get(https_server.url).ok


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n", id="broken off"),
        pytest.param(
            b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nabc", id="two lengths"
        ),
    ],
)
def test_a_head_that_cannot_be_read_is_a_malformed_response(
    answer: bytes, serve_raw: Callable[..., RawServer]
) -> None:
    server = serve_raw([READ_REQUEST, answer])
    with pytest.raises(exceptions.MalformedResponse) as caught:
        httpkit.get(server.url)
    assert isinstance(caught.value, ConnectionError)


@pytest.mark.parametrize(
    "name", [name for name in exceptions.__all__ if issubclass(getattr(exceptions, name), Exception)]
)
def test_no_error_of_ours_is_one_of_urllib3(name: str) -> None:
    kind = getattr(exceptions, name)
    assert not issubclass(kind, urllib3.exceptions.HTTPError)
    assert not any(base.__module__.startswith("urllib3") for base in kind.__mro__)
