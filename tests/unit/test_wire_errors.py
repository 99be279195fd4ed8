"""One table: what each error of urllib3, http.client, socket, ssl and the decoders becomes."""

from __future__ import annotations

import builtins
import copy
import http.client
import io
import pickle
import socket
import ssl
import zlib
from datetime import datetime, timezone
from types import SimpleNamespace
from typing import Any

import pytest
import urllib3
from hypothesis import given
from hypothesis import strategies as st
from urllib3 import exceptions as theirs
from urllib3.connection import HTTPConnection
from urllib3.util.ssl_match_hostname import CertificateError

from httpkit import exceptions as ours
from httpkit._wire.certificates import Certificate
from httpkit._wire.errors import BrokenReadTimeout, UnsendableRequest, translate

REQUEST = SimpleNamespace(url="http://user:hunter2@api.test:8080/path?token=s3cret", headers={})
POOL: Any = urllib3.HTTPConnectionPool("api.test", 8080)
CONN: Any = HTTPConnection("api.test", 8080, timeout=0.5)


def _caused(error: Exception, cause: BaseException) -> Exception:
    error.__cause__ = cause
    return error


def _new_connection(cause: OSError) -> Exception:
    return _caused(theirs.NewConnectionError(CONN, f"Failed to establish a new connection: {cause}"), cause)


def _unresolved() -> Exception:
    cause = socket.gaierror(-2, "Name or service not known")
    return _caused(theirs.NameResolutionError("api.test", CONN, cause), cause)


def _exhausted(reason: Any) -> theirs.MaxRetryError:
    error = theirs.MaxRetryError(POOL, "/path?token=s3cret", reason)
    error.__cause__ = reason
    return error


def _aborted(cause: BaseException) -> Exception:
    return theirs.ProtocolError("Connection aborted.", cause)


def _raised_inside_http_client(**field: str) -> Exception:
    connection = HTTPConnection("api.test", 8080)
    connection.putrequest("GET", "/")
    try:
        for name, value in field.items():
            connection.putheader(name, value)
    except Exception as error:
        return error
    raise AssertionError("nothing was raised")


REFUSED = ConnectionRefusedError(111, "Connection refused")
UNVERIFIED = ssl.SSLCertVerificationError(1, "[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed")
UNVERIFIED.verify_code, UNVERIFIED.verify_message = 18, "self-signed certificate"

SENDING: list[tuple[str, Any, type[Exception], str]] = [
    (
        "refused",
        _exhausted(_new_connection(REFUSED)),
        ours.ConnectionError,
        "Cannot connect to api.test:8080: connection refused",
    ),
    (
        "unreachable",
        _exhausted(_new_connection(OSError(101, "Network is unreachable"))),
        ours.ConnectionError,
        "network is unreachable",
    ),
    ("name", _exhausted(_unresolved()), ours.ConnectionError, "there is no address for the name 'api.test'"),
    (
        "connect timeout",
        _exhausted(
            theirs.ConnectTimeoutError(CONN, "Connection to api.test timed out. (connect timeout=0.5)")
        ),
        ours.ConnectTimeout,
        "No connection to api.test:8080 within 0.5 seconds",
    ),
    (
        "read timeout",
        theirs.ReadTimeoutError(POOL, "/", "Read timed out. (read timeout=1.5)"),
        ours.ReadTimeout,
        "No answer from api.test:8080 within 1.5 seconds",
    ),
    (
        "read timeout after retries",
        _exhausted(theirs.ReadTimeoutError(POOL, "/", "Read timed out. (read timeout=1.5)")),
        BrokenReadTimeout,
        "within 1.5 seconds",
    ),
    (
        "statuses",
        _exhausted(theirs.ResponseError("too many 503 error responses")),
        ours.RetryError,
        "too many 503",
    ),
    (
        "proxy",
        _exhausted(theirs.ProxyError("Unable to connect", _new_connection(REFUSED))),
        ours.ProxyError,
        "the proxy: connection refused",
    ),
    (
        "tunnel",
        _exhausted(
            theirs.ProxyError("x", OSError("Tunnel connection failed: 407 Proxy Authentication Required"))
        ),
        ours.ProxyError,
        "The proxy refused a tunnel to api.test:8080: 407 Proxy Authentication Required",
    ),
    (
        "certificate",
        _exhausted(theirs.SSLError(UNVERIFIED)),
        ours.SSLError,
        "does not verify: self-signed certificate",
    ),
    (
        "fingerprint",
        _exhausted(theirs.SSLError("Fingerprints did not match.")),
        ours.SSLError,
        "Fingerprints",
    ),
    ("tls", theirs.SSLError(ssl.SSLError(1, "x")), ours.SSLError, "TLS with api.test:8080 failed"),
    ("bare tls", ssl.SSLEOFError(8, "EOF occurred"), ours.SSLError, "TLS with api.test:8080 failed"),
    ("host name", CertificateError("hostname 'a' doesn't match 'b'"), ours.SSLError, "hostname 'a'"),
    (
        "disconnected",
        _aborted(http.client.RemoteDisconnected("Remote end closed")),
        ours.ConnectionError,
        "api.test:8080 closed the connection without an answer",
    ),
    (
        "reset",
        _aborted(ConnectionResetError(104, "Connection reset by peer")),
        ours.ConnectionError,
        "broke: connection reset by peer",
    ),
    (
        "retried reset",
        _exhausted(_aborted(ConnectionResetError(104, "Connection reset"))),
        ours.ConnectionError,
        "reset",
    ),
    (
        "not http",
        _aborted(http.client.BadStatusLine("SSH-2.0-OpenSSH\r\n")),
        ours.MalformedResponse,
        "did not answer in HTTP/1",
    ),
    ("protocol", _aborted(http.client.UnknownProtocol("HTTP/9")), ours.MalformedResponse, "HTTP/9"),
    ("long line", _aborted(http.client.LineTooLong("header line")), ours.MalformedResponse, "65536"),
    ("write timeout", _aborted(TimeoutError("timed out")), BrokenReadTimeout, "did not take the request"),
    ("bare timeout", TimeoutError("timed out"), BrokenReadTimeout, "in time"),
    ("bare os error", OSError(5, "Input/output error"), ours.ConnectionError, "input/output error"),
    ("bare http error", http.client.ResponseNotReady("Idle"), ours.ConnectionError, "Idle"),
    ("pool empty", theirs.EmptyPoolError(POOL, "Pool is empty"), ours.ConnectTimeout, "pool_maxsize"),
    (
        "pool closed",
        theirs.ClosedPoolError(POOL, "Pool is closed."),
        ours.ConnectionError,
        "closed during the call",
    ),
    ("response field", theirs.InvalidHeader("Content-Length contained (5, 6)"), ours.InvalidHeader, "(5, 6)"),
    (
        "decoding",
        theirs.DecodeError("x", zlib.error("incorrect header check")),
        ours.ContentDecodingError,
        "incorrect header check",
    ),
    ("url", theirs.LocationParseError("'a..b', label empty or too long"), ours.InvalidURL, "label empty"),
    ("no host", theirs.LocationValueError("No host specified."), ours.InvalidURL, "No host specified"),
    ("proxy scheme", theirs.ProxySchemeUnknown("ftp"), ours.InvalidProxyURL, "ftp"),
    (
        "target",
        _aborted(http.client.InvalidURL("can't contain control characters '/a b'")),
        ours.InvalidURL,
        "percent-encoded",
    ),
    ("field value", _raised_inside_http_client(a="b\r\nc: d"), ours.InvalidHeader, "line break"),
    ("field charset", _raised_inside_http_client(a="\u20ac"), ours.InvalidHeader, "ISO-8859-1"),
    ("anything of theirs", theirs.HTTPError("something new"), ours.ConnectionError, "something new"),
]

READING: list[tuple[str, Any, type[Exception], str]] = [
    ("timeout", theirs.ReadTimeoutError(POOL, None, "Read timed out."), BrokenReadTimeout, "stopped coming"),
    ("bare timeout", TimeoutError("timed out"), BrokenReadTimeout, "stopped coming"),
    (
        "short",
        _aborted(theirs.IncompleteRead(3, 7)),
        ours.ChunkedEncodingError,
        "ended early, after 3 bytes, with 7 to come",
    ),
    (
        "long",
        _aborted(theirs.IncompleteRead(37, -35)),
        ours.ChunkedEncodingError,
        "has 37 bytes, 35 more than its Content-Length says (IncompleteRead(37 bytes read, -35 more expected))",
    ),
    (
        "short in http.client",
        http.client.IncompleteRead(b"abc", 7),
        ours.ChunkedEncodingError,
        "after 3 bytes",
    ),
    ("ended", theirs.ProtocolError("Response ended prematurely"), ours.ChunkedEncodingError, "prematurely"),
    (
        "chunk size",
        theirs.InvalidChunkLength(SimpleNamespace(tell=lambda: 3, length_remaining=None), b"zz\r\n"),  # type: ignore[arg-type]
        ours.ChunkedEncodingError,
        "is not the size of a chunk",
    ),
    (
        "reset",
        _aborted(ConnectionResetError(104, "Connection reset")),
        ours.ChunkedEncodingError,
        "broke while the body was read: connection reset",
    ),
    (
        "decoding",
        theirs.DecodeError("x", zlib.error("invalid block type")),
        ours.ContentDecodingError,
        "invalid block type",
    ),
    ("bare zlib", zlib.error("invalid block type"), ours.ContentDecodingError, "invalid block type"),
    (
        "tls",
        theirs.SSLError(ssl.SSLError(1, "bad record mac")),
        ours.SSLError,
        "Reading the body from api.test:8080 failed in TLS",
    ),
    ("os error", OSError(5, "Input/output error"), ours.ConnectionError, "input/output error"),
    ("anything of theirs", theirs.HTTPError("something new"), ours.ConnectionError, "something new"),
]

ALL = [(phase, *row) for phase, table in (("send", SENDING), ("body", READING)) for row in table]


@pytest.mark.parametrize("phase, name, error, kind, says", ALL, ids=[f"{row[0]}: {row[1]}" for row in ALL])
class TestEachError:
    def test_has_its_class(self, phase: str, name: str, error: Any, kind: type, says: str) -> None:
        assert type(translate(error, REQUEST, phase=phase)) is kind

    def test_says_what_happened_in_one_printable_line_without_secrets(
        self, phase: str, name: str, error: Any, kind: type, says: str
    ) -> None:
        text = str(translate(error, REQUEST, phase=phase))
        assert says in text
        assert text.isprintable()
        assert len(text) < 400
        assert "hunter2" not in text
        assert "s3cret" not in text

    def test_keeps_the_original_as_argument_and_the_request(
        self, phase: str, name: str, error: Any, kind: type, says: str
    ) -> None:
        translated = translate(error, REQUEST, phase=phase)
        assert translated.args == (error,)
        assert translated.request is REQUEST  # type: ignore[comparison-overlap]


@pytest.mark.parametrize(
    "catch",
    [ours.ReadTimeout, ours.Timeout, ours.ConnectionError, builtins.ConnectionError, TimeoutError, OSError],
)
def test_a_timeout_of_the_body_is_caught_by_whoever_expects_it(catch: type[Exception]) -> None:
    error = translate(theirs.ReadTimeoutError(POOL, None, "Read timed out."), REQUEST, phase="body")
    assert isinstance(error, catch)


def test_the_reason_is_where_programs_look_for_it() -> None:
    reason = _new_connection(REFUSED)
    assert translate(_exhausted(reason), REQUEST).args[0].reason is reason


def test_an_error_of_ours_inside_of_theirs_comes_out() -> None:
    inner = ours.SSLError("cert: the key is encrypted")
    for outer in (
        _aborted(inner),
        _exhausted(theirs.ProxyError("x", inner)),
        inner,
    ):
        assert translate(outer, REQUEST) is inner
    assert inner.request is REQUEST  # type: ignore[comparison-overlap]


class TestErrorsOfTheProgramItself:
    @pytest.mark.parametrize("phase", ["send", "body"])
    @pytest.mark.parametrize(
        "error",
        [
            ValueError("header"),
            KeyError("a"),
            TypeError("b"),
            UnicodeDecodeError("utf-8", b"\xff", 0, 1, "c"),
        ],
    )
    def test_are_raised_again_as_they_are(self, error: Exception, phase: str) -> None:
        def generator() -> Any:
            raise error

        with pytest.raises(type(error)) as caught:
            try:
                generator()
            except Exception as raised:
                raise translate(raised, REQUEST, phase=phase) from raised
        assert caught.value is error

    def test_are_told_from_those_of_the_libraries_by_where_they_come_from(self) -> None:
        theirs_too = _raised_inside_http_client(a="b\nc")
        assert type(theirs_too) is ValueError
        assert isinstance(translate(theirs_too, REQUEST), ours.InvalidHeader)

    def test_a_method_that_urllib3_refuses_is_unsendable(self) -> None:
        with pytest.raises(ValueError) as caught:
            HTTPConnection("api.test").putrequest("GE T", "/")
        translated = translate(caught.value, REQUEST)
        assert type(translated) is UnsendableRequest
        assert isinstance(translated, ValueError)

    def test_a_response_closed_under_its_reader_is_translated(self) -> None:
        sock: Any = SimpleNamespace(makefile=lambda mode: io.BytesIO())
        message = http.client.HTTPResponse(sock)
        response = urllib3.HTTPResponse(message, preload_content=False)  # type: ignore[arg-type]
        message.close()
        with pytest.raises(AttributeError) as caught:
            response._update_chunk_length()
        assert isinstance(translate(caught.value, REQUEST, phase="body"), ours.ChunkedEncodingError)


class TestWhere:
    @pytest.mark.parametrize(
        "url, where",
        [
            ("https://example.test/a", "example.test:443"),
            ("http://[::1]:81/", "[::1]:81"),
            (b"http://example.test/", "example.test:80"),
            (None, "the server"),
            ("http://a:99999/", "the server"),
            ("data:x", "the server"),
        ],
    )
    def test_host_and_port_of_the_request(self, url: Any, where: str) -> None:
        error = translate(_aborted(http.client.RemoteDisconnected("x")), SimpleNamespace(url=url))
        assert str(error).lower() == f"{where} closed the connection without an answer"

    def test_the_proxy_is_named_when_it_was_the_proxy(self) -> None:
        pool = urllib3.ProxyManager("http://bob:hunter2@proxy.test:3128").connection_from_url(
            "https://api.test"
        )
        error = theirs.MaxRetryError(pool, "/", theirs.ProxyError("Unable", _new_connection(REFUSED)))  # type: ignore[arg-type]
        assert str(translate(error, REQUEST)) == (
            "Cannot connect to the proxy proxy.test:3128: connection refused. Is it running, and is the port right?"
        )

    def test_a_request_may_be_missing(self) -> None:
        assert "the server" in str(translate(OSError("x"), None))

    def test_what_the_peer_sent_is_escaped_and_cut(self) -> None:
        error = translate(http.client.BadStatusLine("\x1b[31m" + "A" * 5000), REQUEST)
        assert str(error).isprintable()
        assert len(str(error)) < 300

    @pytest.mark.parametrize("reason", ["WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE"])
    def test_a_server_without_tls_is_recognised(self, reason: str) -> None:
        error = ssl.SSLError(1, f"[SSL: {reason}]")
        error.reason = reason
        assert "does not speak TLS" in str(translate(theirs.SSLError(error), REQUEST))

    @pytest.mark.parametrize(
        "reason, says",
        [
            ("TLSV13_ALERT_CERTIFICATE_REQUIRED", "wants a client certificate; give cert="),
            ("TLSV1_ALERT_UNKNOWN_CA", "does not accept the client certificate"),
            ("SSLV3_ALERT_CERTIFICATE_REVOKED", "does not accept the client certificate"),
            ("TLSV1_ALERT_PROTOCOL_VERSION", "no version of TLS in common"),
            ("UNSUPPORTED_PROTOCOL", "no version of TLS in common"),
            ("SSLV3_ALERT_HANDSHAKE_FAILURE", "nothing acceptable in what was offered"),
            ("TLSV1_UNRECOGNIZED_NAME", "does not serve this name"),
            ("DH_KEY_TOO_SMALL", "too weak"),
            ("CA_MD_TOO_WEAK", "too weak"),
            ("UNSAFE_LEGACY_RENEGOTIATION_DISABLED", "unsafe renegotiation"),
            ("UNEXPECTED_EOF_WHILE_READING", "hung up"),
            ("SOMETHING_NEW", "failed: SOMETHING_NEW"),
        ],
    )
    def test_what_openssl_means_is_said(self, reason: str, says: str) -> None:
        error = ssl.SSLError(1, f"[SSL: {reason}]")
        error.reason = reason
        message = str(translate(theirs.SSLError(error), REQUEST))
        assert says in message
        assert reason in message

    def test_a_handshake_that_ends_early_is_explained(self) -> None:
        error = ssl.SSLEOFError(8, "EOF occurred in violation of protocol (_ssl.c:2427)")
        assert "hung up" in str(translate(theirs.SSLError(error), REQUEST))

    @pytest.mark.parametrize(
        "code, says",
        [
            (9, ["It is valid from 2020-01-02 03:04:05 UTC.", "clock"]),
            (10, ["valid until 2021-01-01 00:00:00 UTC.", "renew it, unless the clock"]),
            (18, ["issued by 'An \\x1b[31mauthority'", "save it to a file"]),
            (20, ["issued by 'An \\x1b[31mauthority'", "verify='system'"]),
            (23, ["taken it back"]),
            (62, ["It is for a.test, b.test.", "server_name"]),
            (64, ["It is for a.test, b.test."]),
            (7, []),
        ],
    )
    def test_what_the_certificate_says_is_said(self, code: int, says: list[str]) -> None:
        utc = timezone.utc
        valid = datetime(2020, 1, 2, 3, 4, 5, tzinfo=utc), datetime(2021, 1, 1, tzinfo=utc)
        error: Any = ssl.SSLCertVerificationError(1, "no")
        error.verify_code, error.verify_message = code, "what failed"
        error.certificate = Certificate(("a.test", "b.test"), "a.test", "An \x1b[31mauthority", *valid)
        message = str(translate(theirs.SSLError(error), REQUEST))
        assert [each for each in ["what failed", *says] if each not in message] == []
        assert message.isprintable()

    def test_an_authority_that_has_expired_is_not_taken_for_the_server(self) -> None:
        utc = timezone.utc
        error: Any = ssl.SSLCertVerificationError(1, "no")
        error.verify_code, error.verify_message = 10, "certificate has expired"
        error.certificate = Certificate(
            (), "", "", datetime(2020, 1, 1, tzinfo=utc), datetime(9000, 1, 1, tzinfo=utc)
        )
        assert "one of its authorities" in str(translate(theirs.SSLError(error), REQUEST))

    @given(st.lists(st.text(max_size=400), max_size=20), st.text(max_size=2000), st.integers(0, 70))
    def test_no_certificate_makes_it_long_or_unprintable(
        self, names: list[str], issuer: str, code: int
    ) -> None:
        now = datetime(2020, 1, 1, tzinfo=timezone.utc)
        error: Any = ssl.SSLCertVerificationError(1, "no")
        error.verify_code, error.verify_message = code, "what failed"
        error.certificate = Certificate(tuple(names), "", issuer, now, now)
        message = str(translate(theirs.SSLError(error), REQUEST))
        assert message.isprintable()
        assert len(message) < 2000

    def test_a_location_with_a_password_in_it_is_not_shown(self) -> None:
        error = translate(theirs.LocationParseError("http://user:hunter2@host:port/"), REQUEST)
        assert "hunter2" not in str(error)


def test_a_translated_error_survives_pickling_and_copying() -> None:
    error = translate(_aborted(http.client.RemoteDisconnected("y")), None)
    for twin in (pickle.loads(pickle.dumps(error)), copy.copy(error)):
        assert type(twin) is type(error)
        assert str(twin) == str(error)
