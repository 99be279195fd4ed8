"""Every form of params=, data=, json=, files= and headers=, as the server receives it."""

from __future__ import annotations

import email
import email.policy
import io
import json
import os
from array import array
from collections import OrderedDict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import httpkit
from httpkit.structures import CaseInsensitiveDict
from tests.servers import Received, RecordingServer

FORM = "application/x-www-form-urlencoded"


@pytest.fixture
def send(server: RecordingServer) -> Iterator[Callable[..., Received]]:
    """send(method, **arguments): what the server received."""
    with httpkit.Session() as session:

        def call(method: str = "POST", path: str = "/", **arguments: Any) -> Received:
            assert session.request(method, server.url + path, **arguments).status_code == 200
            assert server.malformed == []
            return server.last

        yield call


Send = Callable[..., Received]


class TestParams:
    @pytest.mark.parametrize(
        ("params", "query"),
        [
            ({"a": "1", "b": 2, "c": 1.5, "d": True}, "?a=1&b=2&c=1.5&d=True"),
            ({"a": ["1", "2"], "b": ("3", "4")}, "?a=1&a=2&b=3&b=4"),
            ({"a": None, "b": ""}, "?b="),
            ({"a": []}, ""),
            ([("a", "1"), ("a", "2")], "?a=1&a=2"),
            ((("a", "1"), ("b", "2")), "?a=1&b=2"),
            ("a=1&b", "?a=1&b"),
            (b"a=1&b", "?a=1&b"),
            ("a=%20%2F", "?a=%20%2F"),
            ("a=ü b", "?a=%C3%BC%20b"),
            ({b"a": b"\xff"}, "?a=%FF"),
            ({"ü": "€"}, "?%C3%BC=%E2%82%AC"),
            ({"a b": "c+d&e=f/g"}, "?a+b=c%2Bd%26e%3Df%2Fg"),
            (OrderedDict([("z", "1"), ("a", "2")]), "?z=1&a=2"),
            (None, ""),
            ({}, ""),
        ],
        ids=repr,
    )
    def test_each_form_arrives_in_the_query(self, send: Send, params: Any, query: str) -> None:
        assert send("GET", params=params).target == "/" + query

    def test_they_are_added_to_a_query(self, send: Send) -> None:
        assert send("GET", "/p?x=%2F#frag", params={"a": "1"}).target == "/p?x=%2F&a=1"

    @pytest.mark.parametrize(
        ("path", "target"),
        [
            ("/%7Euser/%2F", "/%7Euser/%2F"),
            ("/%zz", "/%25zz"),
            ("/a b", "/a%20b"),
            ("/ü", "/%C3%BC"),
            ("/a/../b", "/b"),
            ("/a//b", "/a//b"),
            ("/?", "/?"),
            ("", "/"),
            ("?q", "/?q"),
            ("/a;b=c,d:e@f", "/a;b=c,d:e@f"),
        ],
    )
    def test_what_is_encoded_already_arrives_as_it_is(self, send: Send, path: str, target: str) -> None:
        assert send("GET", path).target == target


class TestHeaders:
    def test_fields_arrive_as_written(self, send: Send) -> None:
        received = send(
            "GET", headers={"X-Text": "väl", "x-LOWER": "1", "X-Bytes": b"\xe2\x82\xac", "X-Empty": ""}
        )
        assert received.getlist("X-Text") == ["väl"]
        assert "x-LOWER" in received.names
        assert received.getlist("X-Bytes") == ["â\x82¬"]
        assert received.getlist("X-Empty") == [""]

    def test_repeated_fields_arrive_repeated(self, send: Send) -> None:
        headers = CaseInsensitiveDict.from_pairs([("X-A", "1"), ("X-A", "2")])
        received = send("GET", headers=headers)
        assert received.header("x-a") == "1, 2"

    def test_the_defaults(self, send: Send, server: RecordingServer) -> None:
        received = send("GET")
        assert received.getlist("host") == [server.authority]
        assert received.getlist("user-agent") == [f"httpkit/{httpkit.__version__}"]
        assert received.getlist("accept") == ["*/*"]
        assert received.getlist("connection") == ["keep-alive"]
        assert "gzip" in (received.header("accept-encoding") or "")
        assert received.version == "HTTP/1.1"
        assert received.getlist("content-length") == received.getlist("transfer-encoding") == []

    @pytest.mark.parametrize("name", ["User-Agent", "Accept", "Accept-Encoding", "Connection"])
    def test_none_removes_a_default(self, send: Send, name: str) -> None:
        received = send("GET", headers={name.lower(): None})
        assert received.getlist(name) in ([], ["identity"])

    def test_host_can_be_set(self, send: Send) -> None:
        assert send("GET", headers={"Host": "other.test"}).getlist("host") == ["other.test"]


class TestData:
    @pytest.mark.parametrize(
        ("data", "body", "content_type"),
        [
            ({"a": "1", "b": ["2", "3"], "c": None}, b"a=1&b=2&b=3", FORM),
            ([("a", "1"), ("a", "2")], b"a=1&a=2", FORM),
            ({"ü": "€ &"}, b"%C3%BC=%E2%82%AC+%26", FORM),
            ({b"a": b"\xff"}, b"a=%FF", FORM),
            ("text ü", "text ü".encode(), None),
            (b"\x00\xff", b"\x00\xff", None),
            (bytearray(b"mutable"), b"mutable", None),
            (array("b", b"view"), b"view", None),
            ("", b"", None),
            ({}, b"", None),
        ],
        ids=repr,
    )
    @pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
    def test_each_form_arrives_with_its_length(
        self, send: Send, method: str, data: Any, body: bytes, content_type: str | None
    ) -> None:
        received = send(method, data=data)
        assert received.body == body
        assert received.header("content-type") == content_type
        assert received.getlist("content-length") == [str(len(body))]
        assert received.getlist("transfer-encoding") == []

    def test_get_may_have_a_body_too(self, send: Send) -> None:
        received = send("GET", data=b"query")
        assert (received.method, received.body) == ("GET", b"query")

    @pytest.mark.parametrize(
        "make",
        [
            lambda: (piece for piece in [b"one", b"two"]),
            lambda: iter([b"one", b"two"]),
            lambda: Again([b"one", b"two"]),
            lambda: (piece for piece in ["one", "two"]),
            lambda: iter([b"one", b"", b"two"]),
            lambda: iter([bytearray(b"one"), memoryview(b"two")]),
        ],
        ids=["generator", "iterator", "iterable", "text", "with an empty piece", "buffers"],
    )
    def test_iterables_arrive_in_chunks(self, send: Send, make: Callable[[], Any]) -> None:
        received = send(data=make())
        assert received.body == b"onetwo"
        assert received.chunks is not None
        assert received.header("transfer-encoding") == "chunked"
        assert received.getlist("content-length") == []

    def test_a_generator_of_known_length_is_sent_with_it(self, send: Send) -> None:
        received = send(data=(piece for piece in [b"one", b"two"]), headers={"Content-Length": "6"})
        assert (received.body, received.chunks, received.getlist("content-length")) == (
            b"onetwo",
            None,
            ["6"],
        )

    def test_bytes_are_sent_in_chunks_when_the_caller_says_so(self, send: Send) -> None:
        received = send(data=b"onetwo", headers={"Transfer-Encoding": "chunked"})
        assert received.body == b"onetwo"
        assert received.chunks is not None
        assert received.getlist("content-length") == []

    @pytest.mark.parametrize("size", [0, 1, 100_000])
    def test_files_arrive_with_their_length(self, send: Send, tmp_path: Path, size: int) -> None:
        content = os.urandom(size)
        path = tmp_path / "file"
        path.write_bytes(content)
        with path.open("rb") as file:
            received = send("PUT", data=file)
        assert received.body == content
        assert received.getlist("content-length") == [str(size)]
        assert received.getlist("transfer-encoding") == []

    def test_a_file_is_sent_from_where_it_stands(self, send: Send) -> None:
        file = io.BytesIO(b"0123456789")
        file.seek(4)
        assert send(data=file).body == b"456789"

    def test_a_pipe_is_sent_in_chunks(self, send: Send) -> None:
        reading, writing = os.pipe()
        os.write(writing, b"from a pipe")
        os.close(writing)
        with os.fdopen(reading, "rb") as pipe:
            received = send(data=pipe)
        assert (received.body, received.header("transfer-encoding")) == (b"from a pipe", "chunked")

    def test_text_files_are_sent_as_utf_8(self, send: Send) -> None:
        received = send(data=io.StringIO("grün"))
        assert (received.body, received.getlist("content-length")) == ("grün".encode(), ["5"])

    @pytest.mark.parametrize("data", [1, 1.5, True, object], ids=repr)
    def test_what_cannot_be_a_body_is_an_error_before_anything_is_sent(
        self, server: RecordingServer, data: Any
    ) -> None:
        with httpkit.Session() as session, pytest.raises((TypeError, ValueError)):
            session.post(server.url, data=data)
        assert server.requests == []

    def test_an_error_of_the_callers_generator_is_the_callers(self, server: RecordingServer) -> None:
        def broken() -> Iterator[bytes]:
            yield b"first"
            raise KeyError("mine")

        with httpkit.Session() as session:
            with pytest.raises(KeyError, match="mine"):
                session.post(server.url, data=broken())
            assert session.get(server.url).json()["method"] == "GET"
        assert server.targets == ["/"], "half a request is none"

    def test_a_generator_is_not_run_before_it_is_sent(self, server: RecordingServer) -> None:
        started = []

        def lazy() -> Iterator[bytes]:
            started.append(True)
            yield b"x"

        with httpkit.Session() as session:
            prepared = session.prepare_request(httpkit.Request("POST", server.url, data=lazy()))
            assert started == []
            session.send(prepared)
        assert server.last.body == b"x"


class Again:
    """An iterable that begins anew each time."""

    def __init__(self, pieces: list[bytes]) -> None:
        self.pieces = pieces

    def __iter__(self) -> Iterator[bytes]:
        return iter(self.pieces)


class TestJSON:
    @pytest.mark.parametrize("value", [{"a": [1, None, "ü"]}, [], {}, "text", 0, 1.5, False], ids=repr)
    def test_values_arrive_as_json(self, send: Send, value: Any) -> None:
        received = send(json=value)
        assert json.loads(received.body) == value
        assert received.header("content-type") == "application/json"
        assert received.getlist("content-length") == [str(len(received.body))]

    def test_data_comes_first(self, send: Send) -> None:
        received = send(json={"a": 1}, data={"b": 2})
        assert received.form == [("b", "2")]

    def test_none_is_no_body(self, send: Send) -> None:
        assert send(json=None).body == b""


def parts(received: Received) -> list[dict[str, Any]]:
    """The parts of a multipart body, as the standard library's e-mail parser reads them."""
    head = f"Content-Type: {received.header('content-type')}\r\n\r\n".encode()
    message = email.message_from_bytes(head + received.body, policy=email.policy.HTTP)
    return [
        {
            "name": part.get_param("name", header="content-disposition"),
            "filename": part.get_filename(),
            "type": part.get("content-type") and part.get_content_type(),
            "content": part.get_payload(decode=True),
            "fields": {name.lower() for name in part},
        }
        for part in message.iter_parts()
    ]


class TestFiles:
    @pytest.mark.parametrize(
        ("make", "filename", "content_type"),
        [
            (lambda: b"content", "f", None),
            (lambda: "content", "f", None),
            (lambda: io.BytesIO(b"content"), "f", None),
            (lambda: ("n.txt", b"content"), "n.txt", None),
            (lambda: ("n.txt", io.BytesIO(b"content"), "text/x-mine"), "n.txt", "text/x-mine"),
            (lambda: ("n.txt", "content", "text/x-mine", {"X-Part": "1"}), "n.txt", "text/x-mine"),
            (lambda: (None, "content"), None, None),
        ],
        ids=["bytes", "text", "file", "named", "typed", "with fields", "no file"],
    )
    def test_each_form_arrives(
        self, send: Send, make: Callable[[], Any], filename: str | None, content_type: str | None
    ) -> None:
        received = send(files={"f": make()}, data={"k": ["1", "2"]})
        first, second, file = parts(received)
        assert [(part["name"], part["content"]) for part in (first, second)] == [("k", b"1"), ("k", b"2")]
        assert (file["name"], file["filename"], file["type"], file["content"]) == (
            "f",
            filename,
            content_type,
            b"content",
        )
        assert received.getlist("content-length") == [str(len(received.body))]

    def test_extra_fields_of_a_part_arrive(self, send: Send) -> None:
        (part,) = parts(send(files={"f": ("n", b"x", "text/x", {"X-Part": "1"})}))
        assert "x-part" in part["fields"]

    def test_a_real_file_brings_its_name(self, send: Send, tmp_path: Path) -> None:
        path = tmp_path / "report.csv"
        path.write_bytes(b"a,b\n")
        with path.open("rb") as file:
            (part,) = parts(send(files={"f": file}))
        assert (part["filename"], part["content"]) == ("report.csv", b"a,b\n")

    def test_several_files_may_have_one_name(self, send: Send) -> None:
        received = send(files=[("f", ("1", b"one")), ("f", ("2", b"two"))])
        assert [(part["filename"], part["content"]) for part in parts(received)] == [
            ("1", b"one"),
            ("2", b"two"),
        ]

    @pytest.mark.parametrize("name", ["grün.txt", "€.txt", "日本.txt"])
    def test_names_beyond_ascii_arrive(self, send: Send, name: str) -> None:
        received = send(files={"f": (name, b"x")})
        assert name.encode() in received.body or b"filename*=" in received.body

    @pytest.mark.parametrize(
        "evil", ['a"; name="b', "a\r\nX-Injected: 1\r\n\r\n", 'x"\r\nContent-Type: text/evil']
    )
    def test_names_cannot_add_fields(self, send: Send, evil: str) -> None:
        (part,) = parts(send(files={"f": (evil, b"content")}))
        assert part["name"] == "f"
        assert part["content"] == b"content"
        assert part["fields"] == {"content-disposition"}

    def test_a_large_file_is_streamed(self, send: Send, tmp_path: Path) -> None:
        path = tmp_path / "large"
        path.write_bytes(b"0123456789abcdef" * (2 * 65536))
        with path.open("rb") as file:
            received = send(files={"f": ("large", file)}, data={"k": "v"})
        key, large = parts(received)
        assert (key["content"], len(large["content"])) == (b"v", 2 * 1024 * 1024)
        assert received.getlist("content-length") == [str(len(received.body))]

    def test_an_empty_file_arrives_empty(self, send: Send) -> None:
        (part,) = parts(send(files={"f": ("empty", b"")}))
        assert part["content"] == b""


class TestEdited:
    """A prepared request is the program's to edit; what it is when it is sent is what arrives, framed correctly."""

    @pytest.mark.parametrize(
        ("edit", "body"),
        [
            (lambda r: setattr(r, "body", b"longer than before"), b"longer than before"),
            (lambda r: setattr(r, "body", b"x"), b"x"),
            (lambda r: setattr(r, "body", "tüxt"), "tüxt".encode()),
            (lambda r: setattr(r, "body", None), b""),
            (lambda r: setattr(r, "body", b""), b""),
            (lambda r: setattr(r, "body", iter([b"in ", b"pieces"])), b"in pieces"),
            (
                lambda r: (
                    r.headers.update({"Content-Length": "9"}) or setattr(r, "body", iter([b"in pieces"]))
                ),
                b"in pieces",
            ),
            (lambda r: setattr(r, "body", io.BytesIO(b"from a file")), b"from a file"),
            (lambda r: r.headers.pop("Content-Length", None), b"before"),
            (lambda r: r.prepare_body(b"prepared anew", None), b"prepared anew"),
        ],
        ids=[
            "longer",
            "shorter",
            "text",
            "None",
            "empty",
            "stream",
            "stream with length",
            "file",
            "no length",
            "prepare_body",
        ],
    )
    @pytest.mark.parametrize(
        "before", [lambda: b"before", lambda: iter([b"before"])], ids=["sized", "chunked"]
    )
    def test_a_changed_body_arrives_whole_and_the_connection_lives(
        self, server: RecordingServer, edit: Callable[[Any], Any], body: bytes, before: Callable[[], Any]
    ) -> None:
        with httpkit.Session() as session:
            prepared = session.prepare_request(httpkit.Request("POST", server.url, data=before()))
            edit(prepared)
            assert session.send(prepared).json()["body"] == body.decode("latin-1")
            assert session.get(server.url).json()["method"] == "GET"
        assert [request.body for request in server.requests] == [body, b""]
        framing = server.requests[0].getlist("content-length") + server.requests[0].getlist(
            "transfer-encoding"
        )
        assert len(framing) == 1
        assert server.malformed == []

    def test_everything_else_can_be_edited_too(self, server: RecordingServer) -> None:
        with httpkit.Session() as session:
            prepared = session.prepare_request(httpkit.Request("GET", server.url))
            prepared.method = "REPORT"
            prepared.url = server.url + "/edited?x=1"
            prepared.headers["X-Edited"] = "yes"
            del prepared.headers["User-Agent"]
            session.send(prepared)
        assert (server.last.method, server.last.target) == ("REPORT", "/edited?x=1")
        assert server.last.getlist("x-edited") == ["yes"]
        assert server.last.getlist("user-agent") == []

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("X-A", "1\r\nX-Injected: 2"),
            ("X-A\r\nB", "1"),
            ("X A", "1"),
            ("X-A", "a\x00b"),
        ],
    )
    def test_an_edit_cannot_add_a_field_by_stealth(
        self, server: RecordingServer, name: str, value: str
    ) -> None:
        with httpkit.Session() as session:
            prepared = session.prepare_request(httpkit.Request("GET", server.url))
            prepared.headers[name] = value
            with pytest.raises(httpkit.RequestException):
                session.send(prepared)
        assert server.requests == []
        assert server.malformed == []

    @pytest.mark.parametrize("method", ["GET /evil HTTP/1.1\r\nX: ", "G ET", "GET\n"])
    def test_nor_can_a_method(self, server: RecordingServer, method: str) -> None:
        with httpkit.Session() as session:
            prepared = session.prepare_request(httpkit.Request("GET", server.url))
            prepared.method = method
            with pytest.raises(httpkit.RequestException):
                session.send(prepared)
        assert server.requests == []

    @pytest.mark.parametrize("path", ["/a b", "/a\r\nX-Injected: 1", "/ü", "/\x00"])
    def test_nor_can_a_url(self, server: RecordingServer, path: str) -> None:
        with httpkit.Session() as session:
            prepared = session.prepare_request(httpkit.Request("GET", server.url))
            prepared.url = server.url + path
            try:
                session.send(prepared)
            except httpkit.RequestException:
                assert server.requests == []
            else:
                assert server.last.getlist("x-injected") == []
                assert server.last.target.isascii()
        assert server.malformed == []

    def test_one_request_can_be_sent_many_times(self, server: RecordingServer) -> None:
        with httpkit.Session() as session:
            prepared = session.prepare_request(httpkit.Request("POST", server.url, json={"a": 1}))
            for _ in range(3):
                session.send(prepared)
        assert [request.body for request in server.requests] == [b'{"a": 1}'] * 3
        assert len({tuple(request.headers) for request in server.requests}) == 1
        assert server.connections == 1
