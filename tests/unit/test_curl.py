"""to_curl(): one command that says what the request says, runs nothing else, and shows no secret unasked."""

from __future__ import annotations

import io
import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import httpkit
from tests.servers import RecordingServer


def prepared(method: str = "GET", url: str = "https://a.test/", **kwargs: Any) -> httpkit.PreparedRequest:
    kwargs.setdefault("headers", {"User-Agent": "x", "Accept": "*/*"})
    return httpkit.Request(method, url, **kwargs).prepare()


PLAIN = " -H 'User-Agent: x' -H 'Accept: */*'"


@pytest.mark.parametrize(
    "request_, command",
    [
        pytest.param(prepared(), f"curl https://a.test/{PLAIN}", id="GET"),
        pytest.param(prepared("HEAD"), f"curl --head https://a.test/{PLAIN}", id="HEAD"),
        pytest.param(
            prepared("DELETE"), f"curl -X DELETE https://a.test/{PLAIN} -H 'Content-Length: 0'", id="DELETE"
        ),
        pytest.param(
            prepared(url="https://a.test/?q=it's&x=a b"),
            f"""curl 'https://a.test/?q=it'"'"'s&x=a%20b'{PLAIN}""",
            id="quotes",
        ),
        pytest.param(
            prepared("POST", json={"a": 1}),
            f"curl -X POST https://a.test/{PLAIN} -H 'Content-Type: application/json' --data-raw '{{\"a\": 1}}'",
            id="JSON",
        ),
        pytest.param(
            prepared("POST", data="@/etc/passwd"),
            f"curl -X POST https://a.test/{PLAIN} -H Content-Type: --data-raw @/etc/passwd",
            id="text that curl could take for a file",
        ),
        pytest.param(
            prepared("POST", data=b"\xff\x00"),
            f"curl -X POST https://a.test/{PLAIN} -H Content-Type: --data-binary @-",
            id="bytes",
        ),
        pytest.param(
            prepared("PUT", data=iter([b"a"])),
            f"curl -X PUT https://a.test/{PLAIN} -H Content-Type: --data-binary @-",
            id="stream",
        ),
        pytest.param(
            prepared("POST", data="x" * 200_000),
            f"curl -X POST https://a.test/{PLAIN} -H Content-Type: --data-binary @-",
            id="too long",
        ),
        pytest.param(
            prepared(url="https://[::1]/[1-9]"),
            f"curl --globoff 'https://[::1]/%5B1-9%5D'{PLAIN}",
            id="brackets",
        ),
        pytest.param(
            prepared(headers={"X": "", "Y": b"\xe9\x1b"[:1]}),
            r"curl https://a.test/ -H 'X;' -H $'Y: \351' -H User-Agent: -H Accept:",
            id="empty and binary fields",
        ),
        pytest.param(
            prepared("POST", data="a\n'\x1b[31m\\"),
            rf"curl -X POST https://a.test/{PLAIN} -H Content-Type: --data-raw $'a\n\'\033[31m\\'",
            id="control characters",
        ),
    ],
)
def test_a_request_is_a_command(request_: httpkit.PreparedRequest, command: str) -> None:
    assert request_.to_curl() == command


def test_a_file_is_named_and_not_read(tmp_path: Path) -> None:
    path = tmp_path / "it's.bin"
    path.write_bytes(b"content")
    with path.open("rb") as file:
        command = prepared("PUT", data=file).to_curl()
        assert file.tell() == 0
    assert command.endswith(f"""--data-binary '@{str(path).replace("'", "'" + '"' + "'" + '"' + "'")}'""")
    assert prepared("PUT", data=io.BytesIO(b"x")).to_curl().endswith("--data-binary @-")


HUSH = "hush-hush"


@pytest.mark.parametrize(
    "request_",
    [
        prepared(auth=("user", HUSH)),
        prepared(url=f"https://user:{HUSH}@a.test/"),
        prepared(url=f"https://a.test/?token={HUSH}#access_token={HUSH}"),
        prepared(cookies={"session": HUSH}),
        prepared(
            headers={"X-API-Key": HUSH, "Authorization": f"Bearer {HUSH}", "Referer": f"http://u:{HUSH}@h/"}
        ),
        prepared("POST", data={"user": "u", "password": HUSH}),
        prepared("POST", json={"user": "u", "deep": [{"client_secret": HUSH}], "token": {"a": HUSH}}),
        prepared("POST", data='{"password": "' + HUSH, headers={"Content-Type": "application/json"}),
    ],
    ids=["basic", "userinfo", "query", "cookie", "fields", "form", "JSON", "broken JSON"],
)
def test_secrets_are_hidden_unless_asked_for(request_: httpkit.PreparedRequest) -> None:
    assert HUSH not in request_.to_curl()
    assert "***" in request_.to_curl()
    shown = request_.to_curl(secrets=True)
    assert HUSH in shown or "dXNlcjpodXNoLWh1c2g=" in shown


def test_a_field_that_auth_has_written_is_hidden_whatever_its_name() -> None:
    request = prepared(headers={"X-Signed": HUSH, "X-Other": "shown"})
    request._auth_fields = frozenset({"x-signed"})  # type: ignore[attr-defined,unused-ignore]
    assert HUSH not in request.to_curl()
    assert "X-Other: shown" in request.to_curl()


def test_json_that_is_nested_deeply_is_cut_and_no_error() -> None:
    deep = "[" * 60 + '{"password": "hush"}' + "]" * 60
    assert "hush" not in prepared("POST", data=deep, headers={"Content-Type": "application/json"}).to_curl()
    deeper = prepared("POST", data="[" * 100_000, headers={"Content-Type": "application/json"})
    assert "***" in deeper.to_curl()


BASH = shutil.which("bash")


@pytest.mark.skipif(BASH is None, reason="needs bash")
@settings(max_examples=40)
@given(
    st.text(alphabet=st.characters(blacklist_characters="\x00", blacklist_categories=["Cs"]), max_size=40),
    st.text(
        alphabet=st.characters(min_codepoint=0x20, max_codepoint=0xFF, blacklist_characters="\x7f"),
        max_size=20,
    ),
)
def test_a_shell_reads_back_what_was_said_and_runs_nothing_else(body: str, value: str) -> None:
    request = prepared(
        "POST", f"https://a.test/?q={value.strip()}", data=f"x{body}", headers={"X": f"y{value}".strip()}
    )
    script = f"curl() {{ printf '%s\\0' \"$@\"; }}; {request.to_curl(secrets=True)}"
    done = subprocess.run([str(BASH), "-c", script], capture_output=True, check=True, timeout=20)
    words = done.stdout.split(b"\0")
    assert words[2].decode() == request.url if words[0] == b"-X" and words[2][:1] != b"-" else True
    assert f"X: {request.headers['X']}".encode("latin-1") in words
    assert words[words.index(b"--data-raw") + 1] == f"x{body}".encode()
    assert done.stderr == b""


@pytest.mark.skipif(shutil.which("curl") is None or BASH is None, reason="needs curl and bash")
def test_curl_sends_the_same(server: RecordingServer) -> None:
    request = prepared(
        "POST", f"{server.url}/p?q=it's&x=1", json={"a": "\u20ac\n"}, headers={"X": "y", "Empty": ""}
    )
    command = request.to_curl().replace("curl ", "curl --silent --noproxy '*' --max-time 10 ", 1)
    subprocess.run([str(BASH), "-c", command], check=True, capture_output=True, timeout=20)
    by_curl = server.last
    httpkit.Session().send(request)
    ours = server.last
    assert (by_curl.method, by_curl.target, by_curl.body) == (ours.method, ours.target, ours.body)
    names = {name.lower() for name, _ in by_curl.headers}
    assert names == {"host", "content-type", "content-length", "x", "empty"}
    assert json.loads(by_curl.body) == {"a": "\u20ac\n"}
