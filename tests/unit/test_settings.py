"""Precedence, written once: call > session > environment > default."""

from __future__ import annotations

import os
import ssl
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import urllib3

from httpkit._settings import (
    CallProxies,
    EffectiveProxies,
    auth_of_origin,
    check_trust,
    effective_proxies,
    effective_timeout,
    effective_verify,
    merge_headers,
    merge_hooks,
    merge_params,
    merge_setting,
    trusts,
)
from httpkit.exceptions import InvalidProxyURL
from httpkit.structures import CaseInsensitiveDict
from httpkit.timeouts import NO_LIMIT, UNSET, RunningTimeout, Timeout


class TestMergeSetting:
    @pytest.mark.parametrize(
        ("call", "session", "merged"),
        [
            (None, None, None),
            (None, "session", "session"),
            ("call", None, "call"),
            ("call", "session", "call"),
            (False, True, False),
            (0, 5, 0),
            ("", "session", ""),
            ({}, {"a": "1"}, {"a": "1"}),
            ({"a": "2"}, {"a": "1", "b": "1"}, {"a": "2", "b": "1"}),
            ({"a": None}, {"a": "1", "b": "1"}, {"b": "1"}),
            ({"a": "1"}, {"b": None}, {"a": "1"}),
            ({"a": None}, None, {"a": None}),
            ([("a", "1")], {"b": "1"}, [("a", "1")]),
            ("text", {"b": "1"}, "text"),
        ],
        ids=repr,
    )
    def test_the_calls_wins_and_mappings_are_merged(self, call: Any, session: Any, merged: Any) -> None:
        assert merge_setting(call, session) == merged

    def test_mappings_become_what_is_asked_for(self) -> None:
        assert type(merge_setting({"a": 1}, {"b": 2})) is OrderedDict
        merged = merge_setting({"ACCEPT": "x"}, {"accept": "y"}, CaseInsensitiveDict)
        assert list(merged.items()) == [("ACCEPT", "x")]

    def test_nothing_that_was_given_is_changed(self) -> None:
        call, session = {"a": None, "c": "3"}, {"a": "1", "b": "2"}
        merge_setting(call, session)
        assert (call, session) == ({"a": None, "c": "3"}, {"a": "1", "b": "2"})


class TestMergeHeaders:
    @pytest.mark.parametrize(
        ("call", "session", "merged"),
        [
            (None, {}, []),
            (None, {"A": "1"}, [("A", "1")]),
            ({}, {"A": "1"}, [("A", "1")]),
            ({"a": "2"}, {"A": "1"}, [("a", "2")]),
            ({"a": None}, {"A": "1", "B": "1"}, [("B", "1")]),
            ({"B": "2"}, {"A": None}, [("B", "2")]),
            ({}, {"A": None}, []),
            (None, {"A": None, "B": "1"}, [("B", "1")]),
            ({"B": "2"}, None, [("B", "2")]),
            (None, None, []),
            ([("B", "2")], {"A": "1"}, [("B", "2")]),
        ],
        ids=repr,
    )
    @pytest.mark.parametrize("kind", [dict, CaseInsensitiveDict])
    def test_fields_compare_without_regard_to_case_and_none_removes(
        self, kind: Callable[[Any], Any], call: Any, session: Any, merged: list[tuple[str, str]]
    ) -> None:
        fields = merge_headers(call, kind(session) if session is not None else None)
        assert isinstance(fields, CaseInsensitiveDict)
        assert list(fields.items()) == merged

    def test_what_comes_out_is_not_the_sessions_own(self) -> None:
        session = CaseInsensitiveDict(A="1")
        for given in ({}, {"B": "2"}, None):
            merge_headers(given, session)["C"] = "3"
        assert dict(session) == {"A": "1"}

    def test_repeats_of_the_session_survive(self) -> None:
        session = CaseInsensitiveDict.from_pairs([("A", "1"), ("A", "2")])
        assert merge_headers(None, session).getlist("a") == ["1", "2"]


class TestMergeParams:
    @pytest.mark.parametrize(
        ("call", "session", "merged"),
        [
            (None, {}, None),
            ({"a": 1}, {}, {"a": 1}),
            (None, {"b": 2}, {"b": 2}),
            ({}, {"b": 2, "c": None}, {"b": 2}),
            ({"a": 1}, {"b": 2}, {"b": 2, "a": 1}),
            ({"b": 1}, {"b": 2}, {"b": 1}),
            ({"b": None}, {"b": 2, "c": 3}, {"c": 3}),
            ([("a", 1), ("a", 2)], {"b": 2}, [("b", 2), ("a", 1), ("a", 2)]),
            ([("b", 1)], {"b": 2, "c": 3}, [("c", 3), ("b", 1)]),
            ("a=1", {"b": 2}, "b=2&a=1"),
            (b"a=1", {"b": 2}, "b=2&a=1"),
            ({"a": 1}, "b=2", "b=2&a=1"),
            ([("a", 1)], [("b", 2)], "b=2&a=1"),
            ("a=1", "b=2", "b=2&a=1"),
            (None, "b=2", "b=2"),
        ],
        ids=repr,
    )
    def test_those_of_the_session_are_kept_for_every_form(self, call: Any, session: Any, merged: Any) -> None:
        result = merge_params(call, session)
        assert (dict(result) if isinstance(result, dict) else result) == merged


class TestMergeHooks:
    @pytest.mark.parametrize(
        ("call", "session", "merged"),
        [
            (None, {"response": [1]}, {"response": [1]}),
            ({"response": []}, {"response": [1]}, {"response": [1]}),
            ({"response": [2]}, {"response": [1]}, {"response": [2]}),
            ({"response": [2]}, {"response": []}, {"response": [2]}),
            ({"response": [2]}, None, {"response": [2]}),
            ({"response": [2]}, {}, {"response": [2]}),
            (None, None, None),
        ],
        ids=repr,
    )
    def test_those_of_the_call_stand_instead_of_the_sessions(
        self, call: Any, session: Any, merged: Any
    ) -> None:
        assert merge_hooks(call, session) == merged


HERE = "http://example.test/"


class TestEffectiveProxies:
    @pytest.mark.parametrize(
        ("call", "session", "effective"),
        [
            (None, None, {}),
            ({}, {}, {}),
            ({"http": "http://call.test"}, {}, {"http": "http://call.test"}),
            ({}, {"http": "http://session.test"}, {"http": "http://session.test"}),
            ({"http": "http://call.test"}, {"http": "http://session.test"}, {"http": "http://call.test"}),
            ({"http": None}, {"http": "http://session.test"}, {}),
            ({"no_proxy": "example.test"}, {"http": "http://session.test"}, {}),
            (
                {"https": "http://call.test"},
                {"http": "http://session.test"},
                {"http": "http://session.test", "https": "http://call.test"},
            ),
        ],
        ids=repr,
    )
    def test_those_of_the_call_beat_those_of_the_session(
        self, call: Any, session: Any, effective: Any
    ) -> None:
        assert effective_proxies(HERE, call, session, trust_env=True) == effective

    @pytest.mark.parametrize(
        ("call", "http"),
        [
            (None, "http://environment.test"),
            ({"https": "http://call.test"}, "http://environment.test"),
            ({"http": "http://call.test"}, "http://call.test"),
            ({"http": None}, None),
            ({"all": None}, None),
            ({"http://example.test": None}, None),
            ({"all://example.test": None}, None),
            ({"http://other.test": None}, "http://environment.test"),
        ],
        ids=repr,
    )
    def test_what_is_explicit_beats_the_environment(
        self, monkeypatch: pytest.MonkeyPatch, call: Any, http: str | None
    ) -> None:
        monkeypatch.setenv("http_proxy", "http://environment.test")
        assert effective_proxies(HERE, call, None, trust_env=True).get("http") == http
        if call:
            assert effective_proxies(HERE, None, call, trust_env=True).get("http") == http

    @pytest.mark.parametrize("key", ["all", "http://example.test", "all://example.test"])
    def test_an_explicit_proxy_for_this_host_or_all_is_not_mixed_with_the_environments(
        self, monkeypatch: pytest.MonkeyPatch, key: str
    ) -> None:
        monkeypatch.setenv("HTTP_PROXY", "http://environment.test")
        effective = effective_proxies(HERE, {key: "http://call.test"}, None, trust_env=True)
        assert effective == {key: "http://call.test"}

    def test_a_proxy_for_all_schemes_is_there_by_the_scheme_of_the_url_too(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("all_proxy", "http://environment.test")
        effective = effective_proxies(HERE, None, None, trust_env=True)
        assert effective == dict.fromkeys(("all", "http"), "http://environment.test")
        monkeypatch.setenv("http_proxy", "http://its.test")
        assert effective_proxies(HERE, None, None, trust_env=True)["http"] == "http://its.test"

    def test_an_untrusted_environment_is_not_read(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("http_proxy", "http://environment.test")
        assert effective_proxies(HERE, None, None, trust_env=False) == {}

    def test_no_proxy_of_the_environment_is_obeyed(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("http_proxy", "http://environment.test")
        monkeypatch.setenv("no_proxy", "example.test")
        assert effective_proxies(HERE, None, None, trust_env=True) == {}
        assert "http" in effective_proxies("http://other.test/", None, None, trust_env=True)

    def test_what_was_explicit_is_remembered_apart(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("http_proxy", "http://environment.test")
        effective = effective_proxies(HERE, {"https": "http://call.test"}, {"ftp": None}, trust_env=True)
        assert isinstance(effective, EffectiveProxies)
        assert effective.explicit == {"https": "http://call.test", "ftp": None}

    def test_nothing_that_was_given_is_changed(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("http_proxy", "http://environment.test")
        call, session = {"https": None}, {"https": "http://session.test"}
        effective_proxies(HERE, call, session, trust_env=True)
        assert (call, session) == ({"https": None}, {"https": "http://session.test"})


class Context(ssl.SSLContext):
    """A context whose name is the same in every process, as the ids of tests must be."""

    def __repr__(self) -> str:
        return "context"


class TestEffectiveVerify:
    context = Context(ssl.PROTOCOL_TLS_CLIENT)

    @pytest.mark.parametrize(
        ("call", "session", "effective"),
        [
            (None, True, True),
            (None, None, True),
            (None, False, False),
            (None, "/s.pem", "/s.pem"),
            (False, "/s.pem", False),
            (False, True, False),
            (True, False, True),
            (True, "/s.pem", "/s.pem"),
            ("/c.pem", "/s.pem", "/c.pem"),
            ("/c.pem", False, "/c.pem"),
            (context, "/s.pem", context),
            (None, context, context),
            (True, context, context),
            (Path("/c.pem"), True, Path("/c.pem")),
        ],
        ids=repr,
    )
    @pytest.mark.parametrize("trust_env", [True, False])
    def test_the_calls_beats_the_sessions(
        self, call: Any, session: Any, effective: Any, trust_env: bool
    ) -> None:
        assert effective_verify(call, session, trust_env=trust_env) == effective

    @pytest.mark.parametrize(
        ("call", "session", "effective"),
        [
            (None, True, "bundle"),
            (True, True, "bundle"),
            (None, None, "bundle"),
            (True, False, "bundle"),
            (False, True, False),
            (None, False, False),
            ("/c.pem", True, "/c.pem"),
            (None, "/s.pem", "/s.pem"),
            (True, "/s.pem", "/s.pem"),
        ],
        ids=repr,
    )
    @pytest.mark.parametrize("variable", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
    def test_the_environment_names_a_bundle_only_where_nothing_explicit_was_said(
        self, monkeypatch: pytest.MonkeyPatch, call: Any, session: Any, effective: Any, variable: str
    ) -> None:
        monkeypatch.setenv(variable, "bundle")
        assert effective_verify(call, session, trust_env=True) == effective
        assert effective_verify(call, session, trust_env=False) != "bundle"

    @pytest.mark.parametrize("empty", ["", None])
    def test_an_empty_variable_says_nothing(self, monkeypatch: pytest.MonkeyPatch, empty: str | None) -> None:
        if empty is not None:
            monkeypatch.setenv("REQUESTS_CA_BUNDLE", empty)
        monkeypatch.setenv("CURL_CA_BUNDLE", os.devnull)
        assert effective_verify(None, True, trust_env=True) == os.devnull


class TestEffectiveTimeout:
    urllib3_timeout = urllib3.Timeout(connect=1, read=2)

    @pytest.mark.parametrize(
        ("call", "mount", "session", "effective"),
        [
            (UNSET, None, UNSET, None),
            (3, None, UNSET, 3),
            (UNSET, None, 3, 3),
            (1, None, 3, 1),
            (None, None, UNSET, NO_LIMIT),
            (None, None, 3, NO_LIMIT),
            (UNSET, None, None, NO_LIMIT),
            ((1, 2), None, 3, (1, 2)),
            (Timeout(1, 2), None, UNSET, Timeout(1, 2)),
            (urllib3_timeout, None, UNSET, urllib3_timeout),
            (UNSET, Timeout(5, 6), 3, None),
            (UNSET, Timeout(5, 6), None, None),
            (UNSET, Timeout(5, 6), UNSET, None),
            (UNSET, urllib3_timeout, 3, None),
            (1, Timeout(5, 6), 3, 1),
            (None, Timeout(5, 6), 3, NO_LIMIT),
            (None, Timeout(total=6), 3, NO_LIMIT),
        ],
        ids=repr,
    )
    def test_none_means_for_ever_and_silence_leaves_it_to_the_adapter(
        self, call: Any, mount: Any, session: Any, effective: Any
    ) -> None:
        assert effective_timeout(call, mount, session) == effective

    @pytest.mark.parametrize(
        ("call", "mount", "session", "total"),
        [
            (Timeout(total=1), Timeout(total=2), Timeout(total=3), 1),
            (UNSET, Timeout(total=2), Timeout(total=3), 2),
            (UNSET, None, Timeout(total=3), 3),
        ],
    )
    def test_a_total_begins_to_run_with_the_call(
        self, call: Any, mount: Any, session: Any, total: float
    ) -> None:
        running = effective_timeout(call, mount, session)
        assert isinstance(running, RunningTimeout)
        assert running.total == total
        assert 0 < running.remaining() <= total
        assert effective_timeout(running, mount, session) is running


class TestTrust:
    @pytest.mark.parametrize(
        ("given", "trusted"),
        [
            (True, {"proxies", "netrc", "ca"}),
            (1, {"proxies", "netrc", "ca"}),
            (False, set()),
            (0, set()),
            (None, set()),
            (set(), set()),
            ({"proxies"}, {"proxies"}),
            (["netrc", "ca"], {"netrc", "ca"}),
            (("ca",), {"ca"}),
            (frozenset({"proxies", "netrc", "ca"}), {"proxies", "netrc", "ca"}),
        ],
        ids=["True", "1", "False", "0", "None", "empty", "set", "list", "tuple", "frozenset"],
    )
    def test_it_is_all_nothing_or_what_is_named(self, given: Any, trusted: set[str]) -> None:
        check_trust(given)
        assert {what for what in ("proxies", "netrc", "ca") if trusts(given, what)} == trusted

    @pytest.mark.parametrize(
        ("given", "error", "text"),
        [
            ("proxies", TypeError, "trust_env is str: give True, False, or a set"),
            ("", TypeError, "trust_env is str"),
            (b"ca", TypeError, "trust_env is bytes"),
            (1.5, TypeError, "trust_env is float"),
            (iter(["ca"]), TypeError, "trust_env is list_iterator"),
            ({"proxy"}, ValueError, "trust_env has 'proxy' in it.*'ca', 'netrc', 'proxies'"),
            ({"ca", None}, ValueError, "trust_env has 'None' in it"),
            (["x" * 1000], ValueError, "trust_env has 'x{40}' in it"),
        ],
        ids=["text", "empty text", "bytes", "number", "iterator", "unknown", "None", "long"],
    )
    def test_anything_else_is_an_error_that_names_the_choices(
        self, given: Any, error: type[Exception], text: str
    ) -> None:
        with pytest.raises(error, match=text):
            check_trust(given)
        with pytest.raises(error, match=text):
            trusts(given, "ca")

    @pytest.mark.parametrize("trust_env", [True, {"proxies"}, {"ca"}, {"netrc"}, False], ids=str)
    def test_each_part_has_its_switch(self, monkeypatch: pytest.MonkeyPatch, trust_env: Any) -> None:
        monkeypatch.setenv("http_proxy", "http://environment.test")
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", "bundle")
        proxies = effective_proxies(HERE, None, None, trust_env=trust_env)
        assert bool(proxies) is (trust_env is True or trust_env == {"proxies"})
        verify = effective_verify(None, True, trust_env=trust_env)
        assert (verify == "bundle") is (trust_env is True or trust_env == {"ca"})

    @pytest.mark.parametrize("proxies", [3, "http://p", ["http"]])
    def test_proxies_that_are_none_are_an_error_with_it_as_without(self, proxies: Any) -> None:
        with pytest.raises(InvalidProxyURL, match="proxies: give a mapping"):
            CallProxies.of(proxies, False)


class TestAuthOfOrigin:
    AUTHS = {
        "https://api.test": ("a", "1"),
        "http://API.test:8000/": ("b", "2"),
        "https://[::1]:8443": ("c", "3"),
        "https://none.test": None,
        "http+unix://%2Frun%2Fx.sock": ("d", "4"),
    }

    @pytest.mark.parametrize(
        ("url", "user"),
        [
            ("https://api.test/", "a"),
            ("https://API.test:443/x?y#z", "a"),
            ("https://user@api.test/", "a"),
            ("http://api.test/", None),
            ("https://api.test:8443/", None),
            ("https://sub.api.test/", None),
            ("https://api.test.evil.test/", None),
            ("https://api.test:pw@evil.test/", None),
            ("https://evil.test/https://api.test", None),
            ("http://api.test:8000/", "b"),
            ("https://[::1]:8443/x", "c"),
            ("https://none.test/", None),
            ("http+unix://%2Frun%2Fx.sock/v", "d"),
            ("http+unix://%2Frun%2Fy.sock/v", None),
            ("no url", None),
        ],
    )
    def test_it_is_for_exactly_that_origin(self, url: str, user: str | None) -> None:
        found = auth_of_origin(self.AUTHS, url)
        assert (None if found is None else found[0]) == user

    @pytest.mark.parametrize(
        "key",
        ["api.test", "https://", "https://api.test/v2", "https://api.test?x", "https://api.test#x", "https", "",
         "https://user:hunter2@api.test", "https://*.test", "https://api.test:99999", None, 3, b"https://api.test",
         ("https", "api.test")],
    )  # fmt: skip
    def test_a_key_that_is_no_origin_is_an_error_whatever_is_called(self, key: Any) -> None:
        with pytest.raises(
            ValueError, match=r"session\.auth: .* is no origin.*https://api\.example\.com"
        ) as caught:
            auth_of_origin({key: ("u", "hunter2"), "https://good.test": ("u", "p")}, "https://good.test/")
        assert "hunter2" not in str(caught.value)

    @pytest.mark.parametrize("auth", ["hunter2", ("hunter2",), ["u", "hunter2"], {"u": "hunter2"}, 3])
    def test_a_value_that_is_no_auth_is_an_error(self, auth: Any) -> None:
        with pytest.raises(TypeError, match=r"session\.auth\['https://api\.test'\] is \w+: give a") as caught:
            auth_of_origin({"https://api.test": auth}, "https://other.test/")
        assert "hunter2" not in str(caught.value)
