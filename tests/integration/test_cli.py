"""The command line against real servers: what they receive, what is printed and written, and the exit status."""

from __future__ import annotations

import gzip
import io
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from httpkit import _cli
from httpkit._cli import main
from tests.servers import HANG, Authority, Drip, ProxyServer, RawServer, RecordingServer, Reply

Serve = Callable[..., RecordingServer]
ServeRaw = Callable[..., RawServer]
Capture = pytest.CaptureFixture[bytes]

SHORT_BODY = b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort"


def run(
    *arguments: str, project: Path, stdin: bytes | None = None, **environment: str
) -> subprocess.CompletedProcess[bytes]:
    """The command in a process of its own, with warnings shown."""
    return subprocess.run(
        [sys.executable, "-X", "dev", "-m", "httpkit", *arguments],
        capture_output=True,
        input=stdin,
        timeout=30,
        check=False,
        env={**os.environ, "PYTHONPATH": str(project), **environment},
    )


# --- what is sent


def test_get_is_the_method_when_there_is_no_body(server: RecordingServer, capsysbinary: Capture) -> None:
    assert main([server.url + "/a?b=c"]) == 0
    assert (server.last.method, server.last.target) == ("GET", "/a?b=c")
    assert json.loads(capsysbinary.readouterr().out)["method"] == "GET"


@pytest.mark.parametrize("method", ["PUT", "delete", "PROPFIND"])
def test_the_method_can_be_chosen(method: str, server: RecordingServer) -> None:
    assert main([server.url, "-X", method]) == 0
    assert server.last.method == method.upper()


def test_fields_are_sent_and_defaults_left_out(server: RecordingServer) -> None:
    assert main([server.url, "-H", "X-A: 1", "-H", "Accept: text/html", "-H", "User-Agent:"]) == 0
    assert server.last.getlist("x-a") == ["1"]
    assert server.last.getlist("accept") == ["text/html"]
    assert not any("httpkit" in value for value in server.last.getlist("user-agent"))


def test_json_is_posted_as_it_was_written(server: RecordingServer) -> None:
    assert main([server.url, "--json", '{"b": 1.0,  "a": "ü"}']) == 0
    assert (server.last.method, server.last.body) == ("POST", '{"b": 1.0,  "a": "ü"}'.encode())
    assert server.last.getlist("content-type") == ["application/json"]


def test_data_is_posted_as_a_form(server: RecordingServer) -> None:
    assert main([server.url, "-d", "a=1", "-d", "b=2"]) == 0
    assert server.last.form == [("a", "1"), ("b", "2")]
    assert server.last.getlist("content-type") == ["application/x-www-form-urlencoded"]


def test_a_content_type_that_is_given_wins(server: RecordingServer) -> None:
    assert main([server.url, "--json", "{}", "-H", "content-type: application/ld+json"]) == 0
    assert server.last.getlist("content-type") == ["application/ld+json"]


def test_a_file_is_streamed_with_its_length(server: RecordingServer, tmp_path: Path) -> None:
    content = os.urandom(200_000)
    (tmp_path / "file").write_bytes(content)
    assert main([server.url, "-X", "PUT", "-d", f"@{tmp_path / 'file'}"]) == 0
    assert server.last.body == content
    assert server.last.getlist("content-length") == ["200000"]
    assert server.last.getlist("content-type") == []


def test_an_empty_file_is_an_empty_body(server: RecordingServer, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert main([server.url, "-d", f"@{tmp_path / 'file'}"]) == 0
    assert (server.last.method, server.last.body) == ("POST", b"")
    assert server.last.getlist("content-length") == ["0"]


def test_a_pipe_is_sent_in_chunks(server: RecordingServer, project: Path) -> None:
    done = run(server.url, "-d", "-", project=project, stdin=b"from a pipe")
    assert (done.returncode, done.stderr) == (0, b"")
    assert server.last.body == b"from a pipe"
    assert server.last.getlist("transfer-encoding") == ["chunked"]


def test_json_comes_from_standard_input(server: RecordingServer, project: Path) -> None:
    assert run(server.url, "--json", "-", project=project, stdin=b'{"a": 1}').returncode == 0
    assert server.last.json() == {"a": 1}
    refused = run(server.url, "--json", "-", project=project, stdin=b"{")
    assert refused.returncode == 2
    assert len(server.requests) == 1


def test_credentials_are_basic(server: RecordingServer) -> None:
    assert main([server.url, "--auth", "user:pass:word"]) == 0
    assert server.last.getlist("authorization") == ["Basic dXNlcjpwYXNzOndvcmQ="]


def test_a_password_is_asked_for_on_a_terminal(
    server: RecordingServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def getpass(prompt: str) -> str:
        asked.append(prompt)
        return "pass"

    monkeypatch.setattr(_cli, "getpass", getpass)
    monkeypatch.setattr(_cli.sys.stdin, "isatty", lambda: True, raising=False)
    assert main([server.url, "--auth", "user"]) == 0
    assert server.last.getlist("authorization") == ["Basic dXNlcjpwYXNz"]
    assert asked == ["Password for user: "]


def test_without_a_terminal_a_password_has_to_be_given(
    server: RecordingServer, capsysbinary: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO())
    assert main([server.url, "--auth", "user"]) == 2
    assert b"user:PASSWORD" in capsysbinary.readouterr().err
    assert server.requests == []


# --- how


@pytest.mark.parametrize("follow", [True, False])
def test_redirects_are_followed_when_asked(follow: bool, serve: Serve, capsysbinary: Capture) -> None:
    server = serve({"/": Reply(302, [("Location", "/b")], b"moved"), "/b": b"here"})
    assert main([server.url + "/", *["-L"] * follow]) == 0
    assert capsysbinary.readouterr().out == (b"here" if follow else b"moved")
    assert server.targets == ["/", "/b"][: 1 + follow]


def test_a_proxy_is_used_when_given(capsysbinary: Capture) -> None:
    with RecordingServer(b"origin") as origin, ProxyServer({"example.test": origin}) as proxy:
        assert main(["http://example.test/a", "--proxy", proxy.url]) == 0
        assert proxy.last.target == "http://example.test/a"
    assert capsysbinary.readouterr().out == b"origin"


def test_a_proxy_that_is_given_beats_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    with RecordingServer(b"origin") as origin, ProxyServer({"example.test": origin}) as proxy:
        monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
        assert main(["http://example.test/a", "--proxy", proxy.url]) == 0
        assert len(proxy.requests) == 1


def test_certificates_are_verified(
    https_server: RecordingServer, ca: Authority, capsysbinary: Capture
) -> None:
    assert main([https_server.url]) == 3
    assert b"certificate" in capsysbinary.readouterr().err
    assert main([https_server.url, "--cacert", ca.file]) == 0


def test_certificates_are_verified_by_those_of_the_system(
    https_server: RecordingServer, ca: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("truststore")
    if sys.platform in ("win32", "darwin"):
        pytest.skip("the trust store of this system is not ours to change")
    from httpkit._wire import tls

    monkeypatch.setenv("SSL_CERT_FILE", ca.file)
    monkeypatch.setattr(tls, "_contexts", type(tls._contexts)())
    assert main([https_server.url, "--cacert", "system"]) == 0


def test_certificates_are_not_verified_when_told_so(https_server: RecordingServer, project: Path) -> None:
    done = run(https_server.url, "-k", project=project)
    assert (done.returncode, done.stderr) == (0, b"")
    assert json.loads(done.stdout)["method"] == "GET"


# --- exit status


@pytest.mark.parametrize("status", [200, 204, 304, 404, 500])
def test_an_answer_is_a_success(status: int, serve: Serve) -> None:
    assert main([serve(Reply(status)).url]) == 0


@pytest.mark.parametrize("status, exit_status", [(200, 0), (302, 0), (404, 1), (503, 1)])
def test_fail_turns_an_error_status_into_1(
    status: int, exit_status: int, serve: Serve, tmp_path: Path, capsysbinary: Capture
) -> None:
    server = serve(Reply(status, body=b"body"))
    assert main([server.url, "--fail"]) == exit_status
    captured = capsysbinary.readouterr()
    assert captured.out == (b"" if exit_status else b"body")
    assert (str(status).encode() in captured.err) == bool(exit_status)
    assert main([server.url, "--fail", "-o", str(tmp_path / "out")]) == exit_status
    assert (tmp_path / "out").exists() == (not exit_status)


def test_a_refused_connection_exits_with_3(serve: Serve, capsysbinary: Capture) -> None:
    with RecordingServer() as gone:
        url = gone.url
    assert main([url]) == 3
    captured = capsysbinary.readouterr()
    assert captured.out == b""
    assert captured.err.startswith(b"httpkit: ")
    assert captured.err.count(b"\n") == 1


def test_a_timeout_exits_with_3(serve_raw: ServeRaw, capsysbinary: Capture) -> None:
    assert main([serve_raw([HANG]).url, "--timeout", "5,0.05"]) == 3
    assert b"timeout" in capsysbinary.readouterr().err


def test_a_body_that_breaks_off_exits_with_3(serve_raw: ServeRaw, capsysbinary: Capture) -> None:
    assert main([serve_raw(SHORT_BODY).url]) == 3
    captured = capsysbinary.readouterr()
    assert captured.out in (b"", b"short")
    assert captured.err.count(b"\n") == 1


def test_an_error_shows_no_password(capsysbinary: Capture) -> None:
    with RecordingServer() as gone:
        url = gone.url_as(userinfo="user:hunter2")
    assert main([url + "/", "-v"]) == 3
    assert b"hunter2" not in capsysbinary.readouterr().err
    assert main(["http://user:hunter2@localhost:port/"]) == 2
    assert b"hunter2" not in capsysbinary.readouterr().err


# --- what is shown


def test_verbose_shows_both_messages_on_standard_error(serve: Serve, capsysbinary: Capture) -> None:
    server = serve(Reply(201, [("X-B", "2"), ("X-B", "3")], b"body"))
    assert main([server.url + "/a?b", "-v", "-H", "X-A: 1"]) == 0
    captured = capsysbinary.readouterr()
    assert captured.out == b"body"
    lines = captured.err.decode().splitlines()
    assert lines[0] == "> GET /a?b HTTP/1.1"
    assert {
        f"> Host: {server.authority}",
        "> X-A: 1",
        "< HTTP/1.1 201 Created",
        "< X-B: 2",
        "< X-B: 3",
    } <= set(lines)


def test_verbose_names_every_field_that_is_sent(server: RecordingServer, capsysbinary: Capture) -> None:
    assert main([server.url, "-v", "--json", "{}"]) == 0
    shown = [line for line in capsysbinary.readouterr().err.decode().splitlines() if line.startswith("> ")]
    names = {line[2:].partition(":")[0].lower() for line in shown[1:]}
    assert names == {name.lower() for name in server.last.names}


def test_verbose_hides_secrets(serve: Serve, capsysbinary: Capture) -> None:
    server = serve(Reply(200, [("Set-Cookie", "session=hunter2; Path=/"), ("X-Auth-Token", "hunter2")]))
    secrets = [
        "-H",
        "X-API-Key: hunter2",
        "-H",
        "Cookie: a=hunter2",
        "-H",
        "Proxy-Authorization: Basic hunter2",
    ]
    assert main([server.url, "-v", "--auth", "user:hunter2", *secrets]) == 0
    assert server.last.header("x-api-key") == "hunter2"
    shown = capsysbinary.readouterr().err.decode()
    assert "hunter2" not in shown
    assert server.last.getlist("authorization")[0].partition(" ")[2] not in shown
    assert "> Authorization: Basic ***" in shown
    assert "< Set-Cookie: session=***; Path=/" in shown


def test_verbose_hides_secret_parameters(serve: Serve, capsysbinary: Capture) -> None:
    server = serve(Reply(200, [("Location", "/next?access_token=hush")]))
    assert main([f"{server.url}/p?api_key=hush&page=2", "-v"]) == 0
    assert server.last.target == "/p?api_key=hush&page=2"
    shown = capsysbinary.readouterr().err.decode()
    assert "hush" not in shown
    assert "> GET /p?api_key=***&page=2 HTTP/1.1" in shown


def test_verbose_shows_every_exchange(serve: Serve, capsysbinary: Capture) -> None:
    server = serve({"/": Reply.redirect("/b"), "/b": b"here"})
    assert main([server.url + "/", "-v", "-L"]) == 0
    lines = capsysbinary.readouterr().err.decode().splitlines()
    firsts = [line for line in lines if " HTTP/1.1" in line or line.startswith("< HTTP/")]
    assert firsts == [
        "> GET / HTTP/1.1",
        "< HTTP/1.1 302 Found",
        "> GET /b HTTP/1.1",
        "< HTTP/1.1 200 OK",
    ]


def test_verbose_shows_the_request_of_a_failed_call(serve_raw: ServeRaw, capsysbinary: Capture) -> None:
    assert main([serve_raw([HANG]).url + "/a", "-v", "--timeout", "0.05"]) == 3
    lines = capsysbinary.readouterr().err.decode().splitlines()
    assert lines[0] == "> GET /a HTTP/1.1"
    assert lines[-1].startswith("httpkit: ")


def test_a_terminal_obeys_no_field(serve: Serve, capsysbinary: Capture) -> None:
    assert main([serve(Reply(200, [("X-A", "\x9b31mred")])).url, "-v"]) == 0
    shown = capsysbinary.readouterr().err
    assert b"\\x9b31mred" in shown
    assert b"\x9b" not in shown.replace(b"\\x9b", b"")


# --- where the body goes


def test_any_bytes_reach_standard_output(serve: Serve, capsysbinary: Capture) -> None:
    content = bytes(range(256)) * 1000
    assert main([serve(content).url]) == 0
    assert capsysbinary.readouterr().out == content


def test_content_codings_are_removed(serve: Serve, capsysbinary: Capture) -> None:
    server = serve(Reply(200, [("Content-Encoding", "gzip")], gzip.compress(b"plain")))
    assert main([server.url]) == 0
    assert capsysbinary.readouterr().out == b"plain"


def test_a_file_is_written(serve: Serve, tmp_path: Path, capsysbinary: Capture) -> None:
    content = os.urandom(300_000)
    assert main([serve(content).url, "-o", str(tmp_path / "out")]) == 0
    assert (tmp_path / "out").read_bytes() == content
    assert capsysbinary.readouterr() == (b"", b"")


def test_a_half_body_leaves_no_file(serve_raw: ServeRaw, tmp_path: Path, capsysbinary: Capture) -> None:
    assert main([serve_raw(SHORT_BODY).url, "-o", str(tmp_path / "out")]) == 3
    assert os.listdir(tmp_path) == []
    (tmp_path / "out").write_bytes(b"before")
    assert main([serve_raw(SHORT_BODY).url, "-o", str(tmp_path / "out")]) == 3
    assert (tmp_path / "out").read_bytes() == b"before"
    assert os.listdir(tmp_path) == ["out"]


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs a device that is always full")
def test_a_full_disk_exits_with_3(server: RecordingServer, project: Path, capsysbinary: Capture) -> None:
    assert main([server.url, "-o", "/dev/full"]) == 3
    assert capsysbinary.readouterr().err.startswith(b"httpkit: cannot write '/dev/full': No space left")


def test_nobody_reading_is_not_worth_a_word(serve_raw: ServeRaw, project: Path) -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 20000000\r\n\r\n"
    server = serve_raw(
        [lambda peer: peer.read_head(), head, Drip(b"x" * 20_000_000, size=1_000_000, delay=0)]
    )
    with subprocess.Popen(
        [sys.executable, "-X", "dev", "-m", "httpkit", server.url],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(project)},
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.read(3) == b"xxx"
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(30) == 141


def test_pieces_are_written_as_they_come(serve_raw: ServeRaw, project: Path) -> None:
    """For event streams: the first chunk is there before the second was sent."""
    import threading

    second = threading.Event()
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    server = serve_raw(
        [lambda peer: peer.read_head(), head + b"4\r\none\n\r\n", second, b"4\r\ntwo\n\r\n0\r\n\r\n"]
    )
    with subprocess.Popen(
        [sys.executable, "-m", "httpkit", server.url],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(project)},
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"one\n"
        second.set()
        assert process.stdout.read() == b"two\n"
        assert process.wait(30) == 0
