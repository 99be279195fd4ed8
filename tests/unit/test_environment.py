"""The environment: which variables and files count, when they are read, and that nothing is remembered of them."""

from __future__ import annotations

import netrc
import os
import socket
import stat
import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest import mock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from httpkit import _environment
from httpkit._environment import (
    DefaultEntry,
    ca_bundle,
    get_environ_proxies,
    get_netrc_auth,
    resolve_proxies,
    set_environ,
    should_bypass_proxies,
    variable,
)
from httpkit.exceptions import RequestsWarning

POSIX = os.name == "posix"
HTTP = "http://example.com/"


@pytest.fixture
def env(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """env(http_proxy="..."): set variables until the end of the test."""

    def set_variables(**variables: str) -> None:
        for name, value in variables.items():
            monkeypatch.setenv(name, value)

    return set_variables


@pytest.fixture
def no_system_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_environment, "_HAS_SYSTEM_PROXIES", False)


pytestmark = pytest.mark.usefixtures("no_system_proxies")

# --- variables


@pytest.mark.parametrize(
    "variables, expected",
    [
        ({}, None),
        ({"REQUESTS_CA_BUNDLE": "/a"}, "/a"),
        ({"CURL_CA_BUNDLE": "/b"}, "/b"),
        ({"REQUESTS_CA_BUNDLE": "/a", "CURL_CA_BUNDLE": "/b"}, "/a"),
        ({"REQUESTS_CA_BUNDLE": "", "CURL_CA_BUNDLE": "/b"}, "/b"),
        ({"REQUESTS_CA_BUNDLE": ""}, None),
    ],
)
def test_the_environment_names_a_bundle(env: Any, variables: dict[str, str], expected: str | None) -> None:
    env(**variables)
    assert ca_bundle() == expected


@pytest.mark.parametrize("value", ["/ä€", "a=b", "\udcff"])
def test_variables_are_text_as_os_environ_has_it(env: Any, value: str) -> None:
    env(HTTPKIT_TEST=value)
    assert variable("HTTPKIT_UNSET", "HTTPKIT_TEST") == os.environ["HTTPKIT_TEST"] == value


def test_a_change_of_the_environment_is_seen_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    assert ca_bundle() is None
    with mock.patch.dict(os.environ, {"REQUESTS_CA_BUNDLE": "/patched"}):
        assert ca_bundle() == "/patched"
    with mock.patch.dict(os.environ, {"CURL_CA_BUNDLE": "/cleared"}, clear=True):
        assert ca_bundle() == "/cleared"
    assert ca_bundle() is None
    os.environ["CURL_CA_BUNDLE"] = "/set"
    assert ca_bundle() == "/set"
    del os.environ["CURL_CA_BUNDLE"]
    assert ca_bundle() is None
    with monkeypatch.context() as context:
        context.setattr(os, "environ", {"CURL_CA_BUNDLE": "/replaced", "http_proxy": "http://p"})
        assert ca_bundle() == "/replaced"
        assert get_environ_proxies(HTTP) == {"http": "http://p"}
    assert ca_bundle() is None
    assert get_environ_proxies(HTTP) == {}


def test_what_takes_the_place_of_os_environ_is_asked_as_a_mapping(monkeypatch: pytest.MonkeyPatch) -> None:
    class Layered(dict[str, str]):
        _data = {b"CURL_CA_BUNDLE": b"/internal"}

    monkeypatch.setattr(os, "environ", Layered(CURL_CA_BUNDLE="/layered"))
    assert ca_bundle() == "/layered"


def test_set_environ_puts_back_what_was_there(env: Any) -> None:
    env(HTTPKIT_TEST="before")
    with set_environ("HTTPKIT_TEST", "within"):
        assert os.environ["HTTPKIT_TEST"] == "within"
    assert os.environ["HTTPKIT_TEST"] == "before"
    with pytest.raises(ZeroDivisionError), set_environ("HTTPKIT_TEST", "within"):
        raise ZeroDivisionError
    assert os.environ["HTTPKIT_TEST"] == "before"
    with set_environ("HTTPKIT_TEST", None):
        assert os.environ["HTTPKIT_TEST"] == "before"


def test_set_environ_removes_what_was_not_there() -> None:
    with set_environ("HTTPKIT_TEST", "within"):
        assert os.environ["HTTPKIT_TEST"] == "within"
    assert "HTTPKIT_TEST" not in os.environ
    with set_environ("HTTPKIT_TEST", "within"):
        del os.environ["HTTPKIT_TEST"]
    assert "HTTPKIT_TEST" not in os.environ


# --- proxies


@pytest.mark.parametrize(
    "variables, url, expected",
    [
        pytest.param({}, HTTP, {}, id="nothing set"),
        pytest.param({"http_proxy": "p"}, HTTP, {"http": "p"}, id="lower case"),
        pytest.param({"HTTP_PROXY": "p"}, HTTP, {"http": "p"}, id="upper case"),
        pytest.param(
            {"http_proxy": "p", "https_proxy": "q"}, HTTP, {"http": "p", "https": "q"}, id="two schemes"
        ),
        pytest.param({"ALL_PROXY": "p"}, HTTP, {"all": "p"}, id="all"),
        pytest.param({"mock_proxy": "p"}, "Mock://h/", {"mock": "p"}, id="the scheme of the URL"),
        pytest.param({"mock_proxy": "p"}, HTTP, {}, id="the scheme of no URL at hand"),
        pytest.param(
            {"http_proxy": "p", "no_proxy": "h"}, HTTP, {"http": "p", "no": "h"}, id="no_proxy is among them"
        ),
        pytest.param({"http_proxy": "p"}, "http:///path", {}, id="no host"),
        pytest.param({"http_proxy": "p"}, "no url", {}, id="no URL"),
        pytest.param({"http_proxy": "p"}, "\ud800://h", {}, id="no scheme that a variable could have"),
        pytest.param({"http_proxy": "p", "no_proxy": "example.com"}, HTTP, {}, id="exempt"),
        pytest.param({"http_proxy": "p", "NO_PROXY": "example.com"}, HTTP, {}, id="exempt, upper case"),
        pytest.param(
            {"http_proxy": "p", "no_proxy": "", "NO_PROXY": "*"}, HTTP, {}, id="exempt, lower case empty"
        ),
        pytest.param({"http_proxy": "", "no_proxy": "h"}, HTTP, {"no": "h"}, id="an empty one is none"),
    ],
)
def test_variables_configure_proxies(
    env: Any, variables: dict[str, str], url: str, expected: dict[str, str]
) -> None:
    env(**variables)
    assert get_environ_proxies(url) == expected


@pytest.mark.skipif(not POSIX, reason="variables have no case on Windows")
@pytest.mark.parametrize(
    "variables, expected",
    [
        pytest.param({"http_proxy": "p", "HTTP_PROXY": "Q"}, {"http": "p"}, id="lower case wins"),
        pytest.param({"http_proxy": "", "HTTP_PROXY": "Q"}, {}, id="even an empty one"),
        pytest.param(
            {"HTTP_PROXY": "Q", "REQUEST_METHOD": "GET"}, {}, id="CVE-2016-1000110 HTTP_PROXY in CGI"
        ),
        pytest.param(
            {"HTTP_PROXY": "Q", "REQUEST_METHOD": ""}, {}, id="CVE-2016-1000110 with an empty method"
        ),
        pytest.param({"http_proxy": "p", "REQUEST_METHOD": "GET"}, {"http": "p"}, id="http_proxy in CGI"),
        pytest.param({"HTTPS_PROXY": "Q", "REQUEST_METHOD": "GET"}, {"https": "Q"}, id="HTTPS_PROXY in CGI"),
        pytest.param(
            {"no_proxy": "h", "NO_PROXY": "*", "http_proxy": "p"}, {"http": "p", "no": "h"}, id="no_proxy too"
        ),
    ],
)
def test_lower_case_wins(env: Any, variables: dict[str, str], expected: dict[str, str]) -> None:
    env(**variables)
    assert get_environ_proxies(HTTP) == expected


def test_an_argument_takes_the_place_of_no_proxy(env: Any) -> None:
    env(http_proxy="p", no_proxy="example.com")
    assert get_environ_proxies(HTTP, no_proxy="other.example") == {"http": "p", "no": "example.com"}
    assert get_environ_proxies(HTTP, no_proxy="") == {"http": "p", "no": "example.com"}
    assert get_environ_proxies("http://other.example/", no_proxy="other.example") == {}
    assert should_bypass_proxies(HTTP, no_proxy=None) is True
    assert should_bypass_proxies(HTTP, no_proxy="") is False
    assert os.environ["no_proxy"] == "example.com"


@pytest.mark.skipif(not POSIX, reason="variables have no case on Windows")
@given(
    st.dictionaries(
        st.sampled_from([
            "http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY", "ftp_proxy",
            "REQUEST_METHOD",
        ]),
        st.sampled_from(["", "http://a", "http://b"]),
    )
)  # fmt: skip
def test_the_variables_mean_what_they_mean_to_urllib(variables: dict[str, str]) -> None:
    from urllib.request import getproxies_environment

    with mock.patch.dict(os.environ, variables):
        assert get_environ_proxies(HTTP) == getproxies_environment()


@pytest.mark.skipif(not POSIX, reason="Windows stores variables in another way")
def test_not_every_variable_is_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    class ByNameOnly(dict[bytes, bytes]):
        def __iter__(self) -> Any:
            raise AssertionError("reads the whole environment")

        items = values = __iter__

    stored = ByNameOnly(os.environ._data)  # type: ignore[attr-defined]
    monkeypatch.setattr(os.environ, "_data", stored)
    monkeypatch.setattr(_environment, "_variables", stored)
    assert get_environ_proxies(HTTP) == {}
    stored[b"http_proxy"] = b"p"
    assert get_environ_proxies(HTTP) == {"http": "p"}
    assert get_netrc_auth(HTTP) is None


def test_the_slow_modules_of_the_standard_library_wait_until_they_are_needed() -> None:
    # A stub in the place of the package, whose door may import what it likes.
    code = f"""
import sys, types
package = types.ModuleType("httpkit")
package.__path__ = [{str(Path(_environment.__file__).parent)!r}]
sys.modules["httpkit"] = package
from httpkit import _environment
assert _environment.get_environ_proxies("http://example.com/") == {{}} or sys.platform in ("darwin", "win32")
assert _environment.get_netrc_auth("http://example.com/") is None
late = {{"netrc", "socket", "ipaddress", "urllib3"}}
if sys.platform not in ("darwin", "win32"):
    late.add("urllib.request")
print(sorted(late & set(sys.modules)))
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=50
    )
    assert done.stdout.strip() == "[]"


# --- what tests and systems put in place of the environment


def test_a_patched_proxy_bypass_decides(env: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    env(http_proxy="p")
    monkeypatch.setattr(
        _environment, "proxy_bypass", lambda host: bool(asked.append(host)) or host == "example.com"
    )
    assert should_bypass_proxies("http://user@EXAMPLE.com:5000/v1.0/", no_proxy=None) is True
    assert asked == ["example.com"]
    assert get_environ_proxies(HTTP) == {}
    assert get_environ_proxies("http://other.example/") == {"http": "p"}


def test_a_patched_proxy_bypass_finds_the_argument_in_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen: list[str | None] = []
    monkeypatch.setattr(_environment, "proxy_bypass", lambda host: seen.append(os.environ.get("no_proxy")))
    should_bypass_proxies(HTTP, no_proxy="other.example")
    should_bypass_proxies(HTTP, no_proxy=None)
    assert seen == ["other.example", None]
    assert "no_proxy" not in os.environ


@pytest.mark.parametrize("error", [TypeError, socket.gaierror])
def test_a_system_that_does_not_know_exempts_nothing(
    monkeypatch: pytest.MonkeyPatch, error: type[Exception]
) -> None:
    monkeypatch.setattr(_environment, "proxy_bypass", mock.Mock(side_effect=error))
    assert should_bypass_proxies(HTTP, no_proxy=None) is False


def test_patched_getproxies_are_the_proxies(env: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    env(http_proxy="p")
    monkeypatch.setattr(_environment, "getproxies", lambda: {"http": "patched"})
    assert get_environ_proxies(HTTP) == {"http": "patched"}
    assert get_environ_proxies(HTTP, no_proxy="example.com") == {}


def test_the_thin_functions_are_urllibs(env: Any) -> None:
    env(http_proxy="p", no_proxy="example.com", foo_proxy="q")
    assert _environment.getproxies() == {"http": "p", "no": "example.com", "foo": "q"}
    assert _environment.proxy_bypass("example.com") is True
    assert _environment.proxy_bypass("other.example") is False


@pytest.fixture
def system(monkeypatch: pytest.MonkeyPatch, no_system_proxies: None) -> None:
    """A system, such as macOS, that has proxies in its settings."""
    import urllib.request

    monkeypatch.setattr(_environment, "_HAS_SYSTEM_PROXIES", True)
    monkeypatch.setattr(urllib.request, "getproxies", lambda: {"http": "system"})
    monkeypatch.setattr(urllib.request, "proxy_bypass", lambda host: host == "local.example")


@pytest.mark.usefixtures("system")
def test_the_settings_of_the_system_count_without_variables(env: Any) -> None:
    assert get_environ_proxies(HTTP) == {"http": "system"}
    assert get_environ_proxies("http://local.example/") == {}
    assert get_environ_proxies(HTTP, no_proxy="example.com") == {}
    env(http_proxy="p")
    assert get_environ_proxies(HTTP) == {"http": "p"}
    assert get_environ_proxies("http://local.example/") == {"http": "p"}


# --- resolve_proxies


@pytest.mark.parametrize(
    "variables, proxies, trust_env, expected",
    [
        pytest.param({"http_proxy": "p"}, None, True, {"http": "p"}, id="the environment's"),
        pytest.param({"all_proxy": "p"}, {}, True, {"http": "p"}, id="the environment's all"),
        pytest.param({"http_proxy": "p"}, {}, False, {}, id="not trusted"),
        pytest.param({"http_proxy": "p"}, {"http": "q"}, True, {"http": "q"}, id="the argument wins"),
        pytest.param({"http_proxy": "p"}, {"all": "q"}, True, {"all": "q"}, id="the argument's all wins"),
        pytest.param(
            {"http_proxy": "p"}, {"http://example.com": "q"}, True, {"http://example.com": "q"}, id="a host"
        ),
        pytest.param({"http_proxy": "p"}, {"http": None}, True, {"http": None}, id="None is an answer"),
        pytest.param(
            {"http_proxy": "p"}, {"https": "q"}, True, {"https": "q", "http": "p"}, id="about another scheme"
        ),
        pytest.param({"http_proxy": "p", "no_proxy": "example.com"}, {}, True, {}, id="exempt"),
        pytest.param(
            {"http_proxy": "p"},
            {"no_proxy": "example.com"},
            True,
            {"no_proxy": "example.com"},
            id="exempt, argument",
        ),
        pytest.param({"https_proxy": "p"}, {}, True, {}, id="a variable for another scheme"),
        pytest.param({}, {"https": "q"}, True, {"https": "q"}, id="no variable"),
    ],
)
def test_what_is_given_precedes_the_environment(
    env: Any, variables: dict[str, str], proxies: Any, trust_env: bool, expected: dict[str, Any]
) -> None:
    env(**variables)
    before = dict(proxies or {})
    assert resolve_proxies(SimpleNamespace(url=HTTP), proxies, trust_env) == expected
    assert dict(proxies or {}) == before


# --- netrc

ENTRIES = """
machine example.com login user password secret
machine Upper.example login upper password case
machine 127.0.0.1 login local password host
machine ::1 login six password host
"""


@pytest.fixture
def netrc_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Path]:
    """netrc_file(text): a netrc file with this text, which NETRC names."""

    def write(text: str) -> Path:
        path = tmp_path / "netrc"
        path.write_text(text, encoding="utf-8")
        path.chmod(0o600)
        monkeypatch.setenv("NETRC", str(path))
        return path

    return write


@pytest.mark.parametrize(
    "url, auth",
    [
        pytest.param("http://example.com/", ("user", "secret"), id="the host"),
        pytest.param("https://example.com:8443/a?b#c", ("user", "secret"), id="any scheme and port"),
        pytest.param(b"http://example.com/", ("user", "secret"), id="bytes"),
        pytest.param("http://EXAMPLE.com/", ("user", "secret"), id="in any case"),
        pytest.param("http://upper.example/", ("upper", "case"), id="in any case, in the file"),
        pytest.param("http://127.0.0.1:81/", ("local", "host"), id="an address"),
        pytest.param("http://[::1]:81/", ("six", "host"), id="an IPv6 address"),
        pytest.param("http://a.example.com/", None, id="not a subdomain"),
        pytest.param("http://com/", None, id="nor a parent"),
        pytest.param("http://notexample.com/", None, id="nor half a label"),
        pytest.param("http://example.com.evil.org/", None, id="nor a name that begins so"),
        pytest.param("http://example.com:@evil.org/", None, id="CVE-2024-47081 user information"),
        pytest.param("http://example.com@evil.org/", None, id="user information without a colon"),
        pytest.param("http://example.com:80@evil.org/", None, id="user information like a port"),
        pytest.param("http://evil.org/@example.com", None, id="a path"),
        pytest.param("http://evil.org?@example.com", None, id="a query"),
        pytest.param("http://evil.org#@example.com", None, id="a fragment"),
        pytest.param("http://evil.org\\@example.com/", None, id="a backslash"),
        pytest.param("http://example.com\\@evil.org/", None, id="a backslash the other way round"),
        pytest.param("http://example.com\r\n@evil.org/", None, id="a line break"),
        pytest.param("http://[example.com]/", None, id="a name in brackets"),
        pytest.param("http://example.com%2eevil.org/", None, id="an encoded dot"),
        pytest.param("http:///example.com", None, id="no host"),
        pytest.param("example.com", None, id="no scheme"),
        pytest.param("file:///example.com", None, id="a path of a file"),
        pytest.param(b"\xff://example.com/", None, id="bytes that are no text"),
        pytest.param("", None, id="nothing"),
    ],
)
def test_credentials_are_for_the_host_of_the_url_alone(netrc_file: Any, url: str, auth: Any) -> None:
    netrc_file(ENTRIES)
    assert get_netrc_auth(url) == auth
    assert get_netrc_auth(url, raise_errors=True) == auth


@pytest.mark.skipif(sys.version_info < (3, 11), reason="this Python takes such an entry for an error")
@pytest.mark.parametrize(
    "parts, auth",
    [
        ("password only", ("", "only")),
        ("login only", ("only", "")),
        ("account acct password pw", ("acct", "pw")),
        ("login user account acct password pw", ("user", "pw")),
        ('login "" password ""', None),
        ("", None),
    ],
)
def test_an_entry_may_lack_a_part(netrc_file: Any, parts: str, auth: Any) -> None:
    netrc_file(f"machine example.com {parts}\n")
    assert get_netrc_auth(HTTP) == auth


def test_the_default_entry_serves_other_hosts(netrc_file: Any) -> None:
    netrc_file("machine example.com login user password secret\ndefault login any password one\n")
    assert get_netrc_auth(HTTP) == ("user", "secret")
    assert get_netrc_auth("http://other.example/") == ("any", "one")
    assert isinstance(get_netrc_auth("http://other.example/"), DefaultEntry)
    assert not isinstance(get_netrc_auth(HTTP), DefaultEntry)


@pytest.mark.skipif(sys.version_info < (3, 11), reason="this Python takes such an entry for an error")
def test_an_empty_default_entry_is_none(netrc_file: Any) -> None:
    netrc_file("machine example.com login user password secret\ndefault\n")
    assert get_netrc_auth("http://other.example/") is None


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home directory, and no NETRC."""
    monkeypatch.delenv("NETRC")
    tmp_path.chmod(0o700)
    for name in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(name, str(tmp_path))
    return tmp_path


def entry(login: str) -> str:
    return f"machine example.com login {login} password x\n"


def test_a_file_that_appears_is_found_within_a_second(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Looking for a file that is not there, on each call, costs threads more than the rest of what they prepare."""
    now = [1000.0]
    looked: list[Any] = []
    monkeypatch.setattr(_environment, "_clock", lambda: now[0])
    monkeypatch.setattr(_environment.os, "access", lambda *a: (looked.append(a), os.path.exists(a[0]))[1])
    assert get_netrc_auth(HTTP) is None
    count = len(looked)
    now[0] += 0.9
    (home / ".netrc").write_text(entry("login"), encoding="utf-8")
    (home / ".netrc").chmod(0o600)
    assert get_netrc_auth(HTTP) is None
    assert len(looked) == count
    now[0] += 0.2
    assert get_netrc_auth(HTTP) == ("login", "x")
    (home / ".netrc").unlink()
    assert get_netrc_auth(HTTP) is None


def test_absence_is_remembered_for_few_places(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(300):
        monkeypatch.setenv("NETRC", str(home / f"{number}"))
        assert get_netrc_auth(HTTP) is None
    assert len(_environment._absent) <= _environment._ABSENT_MOST < 300


def test_the_file_lies_in_the_home_directory(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (home / "_netrc").write_text(entry("second"), encoding="utf-8")
    assert get_netrc_auth(HTTP) == ("second", "x")
    (home / ".netrc").write_text(entry("first"), encoding="utf-8")
    assert get_netrc_auth(HTTP) == ("first", "x")
    (home / "elsewhere").mkdir()
    for name in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(name, str(home / "elsewhere"))
    assert get_netrc_auth(HTTP) is None


def test_netrc_names_another_file_and_it_alone_counts(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (home / ".netrc").write_text(entry("home"), encoding="utf-8")
    (home / "other").write_text(entry("other"), encoding="utf-8")
    monkeypatch.setenv("NETRC", str(home / "other"))
    assert get_netrc_auth(HTTP) == ("other", "x")
    monkeypatch.setenv("NETRC", "~/other")
    assert get_netrc_auth(HTTP) == ("other", "x")
    for missing in (str(home / "missing"), ""):
        monkeypatch.setenv("NETRC", missing)
        assert get_netrc_auth(HTTP) is None


def test_names_of_the_file_can_be_changed(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (home / "mine").write_text(entry("mine"), encoding="utf-8")
    monkeypatch.setattr(_environment, "NETRC_FILES", ("mine",))
    assert get_netrc_auth(HTTP) == ("mine", "x")


def settle(path: Path, seconds: int = 1_000_000_000) -> None:
    """Make the file look as if it had changed long ago."""
    os.utime(path, (seconds, seconds))


def test_a_file_is_parsed_again_only_when_it_has_changed(
    netrc_file: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    parsed = mock.Mock(side_effect=netrc.netrc)
    monkeypatch.setattr(netrc, "netrc", parsed)
    settle(netrc_file(entry("one")))
    assert [get_netrc_auth(HTTP) for _ in range(3)] == [("one", "x")] * 3
    assert parsed.call_count == 1
    settle(netrc_file(entry("two")), 1_000_000_001)
    assert [get_netrc_auth(HTTP) for _ in range(3)] == [("two", "x")] * 3
    assert parsed.call_count == 2


def test_changes_in_quick_succession_are_seen(netrc_file: Any) -> None:
    # The time stamps of a file system are coarser than a program is fast.
    now = time.time()
    for login in ("one", "two", "six", "ten"):
        os.utime(netrc_file(entry(login)), (now, now))
        assert get_netrc_auth(HTTP) == (login, "x")


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"machine example.com login a bogus b", id="an unknown word"),
        pytest.param(b"nonsense example.com", id="no entry"),
        pytest.param(b"machine \xff\xfe login a password b\nmachine", id="no UTF-8"),
        pytest.param(b"#" * 131_072 + b"\nmachine example.com login a password b", id="larger than 128 KiB"),
    ],
)
@pytest.mark.parametrize("settled", [True, False])
def test_a_file_that_cannot_be_parsed_counts_as_empty(netrc_file: Any, content: bytes, settled: bool) -> None:
    path = netrc_file("")
    path.write_bytes(content)
    if settled:
        settle(path)
    _environment._parse_netrc_once.cache_clear()
    with pytest.warns(
        RequestsWarning, match=r"netrc: '.*netrc' is not used.*(cannot be parsed|larger)"
    ) as caught:
        assert get_netrc_auth(HTTP) is None
    assert "bogus" not in str(caught[0].message), "what stands in the file may be a password"
    with warnings.catch_warnings():
        warnings.simplefilter("error" if settled else "ignore")
        assert get_netrc_auth(HTTP) is None
        with pytest.raises(netrc.NetrcParseError):
            get_netrc_auth(HTTP, raise_errors=True)


def test_a_file_of_128_kib_is_read(netrc_file: Any) -> None:
    text = entry("user")
    netrc_file(text + "#" * (131_072 - len(text)))
    assert get_netrc_auth(HTTP) == ("user", "x")


def test_a_file_that_goes_away_counts_as_absent(netrc_file: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    path = netrc_file(entry("user"))
    monkeypatch.setattr(os, "access", lambda path, mode: True)
    path.unlink()
    assert get_netrc_auth(HTTP) is None
    with pytest.raises(FileNotFoundError):
        get_netrc_auth(HTTP, raise_errors=True)


def test_a_file_that_cannot_be_opened_counts_as_empty(
    netrc_file: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc_file(entry("user"))
    monkeypatch.setattr(netrc, "netrc", mock.Mock(side_effect=PermissionError(13, "no")))
    assert get_netrc_auth(HTTP) is None
    with pytest.raises(PermissionError):
        get_netrc_auth(HTTP, raise_errors=True)


@pytest.mark.skipif(not POSIX, reason="no such files on Windows")
def test_only_a_regular_file_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Reading a pipe waits for its writer, and a device may have no end.
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", tmp_path, Path(os.devnull), Path("/dev/zero")):
        monkeypatch.setenv("NETRC", str(path))
        assert get_netrc_auth(HTTP) is None


@pytest.mark.skipif(not POSIX, reason="Windows has other permissions")
@pytest.mark.parametrize(
    ("owner", "mode", "directory", "user", "why"),
    [
        pytest.param(1000, 0o600, 0o755, 1000, None, id="mine alone"),
        pytest.param(1000, 0o400, 0o755, 1000, None, id="mine alone, read only"),
        pytest.param(1000, 0o640, 0o755, 1000, None, id="my group may read it"),
        pytest.param(1000, 0o660, 0o755, 1000, None, id="my group may write it"),
        pytest.param(1000, 0o644, 0o755, 1000, "others may read it", id="others may read it"),
        pytest.param(1000, 0o602, 0o755, 1000, "others may write it", id="others may write it"),
        pytest.param(1000, 0o666, 0o711, 1000, "others may write it", id="others may do both"),
        pytest.param(1000, 0o644, 0o750, 1000, None, id="in a home that is closed to others"),
        pytest.param(1000, 0o666, 0o700, 1000, None, id="in a home that is closed to all"),
        pytest.param(1000, 0o644, 0o1777, 1000, "others may read it", id="where everybody may write"),
        pytest.param(1001, 0o600, 0o755, 1000, "it belongs to another user", id="somebody else's"),
        pytest.param(
            1001, 0o644, 0o700, 1000, "it belongs to another user", id="somebody else's, in a closed home"
        ),
        pytest.param(1001, 0o600, 0o755, 0, "it belongs to another user", id="somebody else's, for root"),
        pytest.param(0, 0o644, 0o755, 1000, None, id="root's, as secrets are mounted into containers"),
        pytest.param(0, 0o440, 0o755, 1000, None, id="root's, for a group"),
        pytest.param(0, 0o646, 0o777, 1000, "others may write it", id="root's, for everybody to write"),
        pytest.param(0, 0o644, 0o700, 0, None, id="root's own in /root"),
        pytest.param(0, 0o644, 0o755, 0, "others may read it", id="root's own where others can read it"),
    ],
)
def test_a_file_that_others_can_read_or_have_written_is_not_used(
    netrc_file: Any,
    monkeypatch: pytest.MonkeyPatch,
    owner: int,
    mode: int,
    directory: int,
    user: int,
    why: str | None,
) -> None:
    path = netrc_file(entry("user"))
    path.chmod(mode)
    real = os.stat

    def stat_as(name: Any, *args: Any, **kwargs: Any) -> os.stat_result:
        found = real(name, *args, **kwargs)
        permissions = found.st_mode
        if stat.S_ISDIR(found.st_mode):
            # The directory in question is the one above: every one on the way counts.
            permissions = directory if Path(name) == path.parent.parent else 0o755
        return os.stat_result(
            (permissions, *found[1:4], owner, *found[5:10]), {"st_mtime_ns": found.st_mtime_ns}
        )

    with monkeypatch.context() as context:
        context.setattr(_environment.os, "stat", stat_as)
        context.setattr(_environment.os, "geteuid", lambda: user)
        if why is None:
            assert get_netrc_auth(HTTP) == ("user", "x")
            return
        with pytest.warns(RequestsWarning, match=rf"netrc: '{path}' is not used, since {why}.*chmod 600"):
            assert get_netrc_auth(HTTP) is None
        with pytest.warns(RequestsWarning), pytest.raises(netrc.NetrcParseError, match=why):
            get_netrc_auth(HTTP, raise_errors=True)


@pytest.mark.skipif(not POSIX, reason="Windows has other permissions")
def test_a_change_of_permissions_is_noticed(netrc_file: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_environment, "_is_reached_by_others", lambda path: True)
    path = netrc_file(entry("user"))
    settle(path)
    assert get_netrc_auth(HTTP) == ("user", "x")
    path.chmod(0o604)
    with pytest.warns(RequestsWarning, match="others may read it"):
        assert get_netrc_auth(HTTP) is None
    path.chmod(0o600)
    assert get_netrc_auth(HTTP) == ("user", "x")


@pytest.mark.skipif(sys.version_info < (3, 11), reason="this Python takes such an entry for an error")
def test_a_file_without_passwords_may_be_read_by_others(
    netrc_file: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_environment, "_is_reached_by_others", lambda path: True)
    netrc_file("machine example.com login user").chmod(0o644)
    assert get_netrc_auth(HTTP) == ("user", "")


@pytest.mark.skipif(not POSIX, reason="Windows has other permissions")
def test_a_link_leads_to_where_the_file_is(
    tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    real = os.stat
    monkeypatch.setattr(
        _environment.os, "stat", lambda name, **kwargs: asked.append(str(name)) or real(name, **kwargs)
    )
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "file").write_text(entry("user"), encoding="utf-8")
    (home / ".netrc").symlink_to(tmp_path / "elsewhere" / "file")
    assert get_netrc_auth(HTTP) == ("user", "x")
    assert str(tmp_path / "elsewhere") in asked
