"""Every name that programs written for requests take from it, in the same room, and called in the same way.

The names were counted in projects that build on requests, their packages and their tests.
"""

from __future__ import annotations

import inspect
import subprocess
import sys
from importlib import import_module
from typing import Any
from unittest import mock

import pytest

from httpkit._late import late_names

IMPORTED = {
    "": """
        ConnectionError HTTPError PreparedRequest ReadTimeout Request RequestException
        RequestsDependencyWarning Response Session Timeout TooManyRedirects __build__ __dict__ __version__
        codes delete get head options patch post put request session
    """,
    "__version__": "__version__",
    "_internal_utils": "unicode_is_ascii",
    "adapters": """
        BaseAdapter ConnectTimeout ConnectionError DEFAULT_CA_BUNDLE_PATH DEFAULT_POOLBLOCK DEFAULT_POOLSIZE
        DEFAULT_RETRIES HTTPAdapter InvalidSchema InvalidURL MaxRetryError ProxyError ReadTimeout Retry
        RetryError SSLError _basic_auth_str basestring get_auth_from_url parse_url prepend_scheme_if_needed
        urldefragauth urlparse
    """,
    "api": "delete get head options patch post put request sessions",
    "auth": """
        AuthBase HTTPBasicAuth HTTPDigestAuth HTTPProxyAuth _basic_auth_str b64encode parse_dict_header str
        urlparse
    """,
    "certs": "where",
    "compat": """
        JSONDecodeError Morsel MutableMapping basestring builtin_str bytes cookielib getproxies is_urllib3_1
        quote quote_plus str unquote urljoin urlparse urlunparse
    """,
    "cookies": """
        CookieConflictError MockRequest MockResponse RequestsCookieJar cookiejar_from_dict cookielib
        create_cookie extract_cookies_to_jar get_cookie_header merge_cookies morsel_to_cookie
        remove_cookie_by_name urlparse urlunparse
    """,
    "exceptions": """
        ChunkedEncodingError ConnectTimeout ConnectionError ContentDecodingError HTTPError InvalidHeader
        InvalidJSONError InvalidProxyURL InvalidSchema InvalidURL JSONDecodeError MissingSchema ProxyError
        ReadTimeout RequestException RetryError SSLError StreamConsumedError Timeout TooManyRedirects
        UnrewindableBodyError
    """,
    "help": "idna info",
    "hooks": "HOOKS default_hooks dispatch_hook",
    "models": """
        CONTENT_CHUNK_SIZE CaseInsensitiveDict ChunkedEncodingError ConnectionError ContentDecodingError
        DEFAULT_REDIRECT_LIMIT ITER_CHUNK_SIZE InvalidURL MissingSchema PreparedRequest REDIRECT_STATI Request
        RequestEncodingMixin RequestHooksMixin Response check_header_validity complexjson cookielib
        default_hooks get_auth_from_url guess_filename guess_json_utf iter_slices parse_header_links
        requote_uri stream_decode_response_unicode super_len to_key_val_list urlencode urlsplit urlunparse
    """,
    "packages": "chardet idna urllib3",
    "sessions": """
        CaseInsensitiveDict ChunkedEncodingError DEFAULT_PORTS REDIRECT_STATI Session SessionRedirectMixin
        TooManyRedirects _basic_auth_str codes cookielib get_auth_from_url get_environ_proxies get_netrc_auth
        merge_cookies merge_hooks merge_setting preferred_clock requote_uri resolve_proxies rewind_body session
        should_bypass_proxies to_key_val_list to_native_string urljoin urlparse
    """,
    "status_codes": "_codes codes",
    "structures": "CaseInsensitiveDict LookupDict",
    "utils": """
        _parse_content_type_header add_dict_to_cookiejar address_in_network default_headers default_user_agent
        dotted_netmask extract_zipped_paths get_auth_from_url get_encoding_from_headers
        get_encodings_from_content get_environ_proxies get_netrc_auth guess_filename guess_json_utf
        is_ipv4_address is_valid_cidr iter_slices parse_dict_header parse_header_links prepend_scheme_if_needed
        proxy_bypass requote_uri rewind_body select_proxy set_environ should_bypass_proxies super_len
        to_key_val_list to_native_string unquote_header_value unquote_unreserved urldefragauth
    """,
}
ATTRIBUTES = {
    "Session": """
        __attrs__ adapters auth cert close cookies delete get get_adapter get_redirect_target head headers
        hooks max_redirects merge_environment_settings mount options params patch post prepare_request proxies
        put rebuild_auth rebuild_method rebuild_proxies request resolve_redirects send should_strip_auth stream
        trust_env verify
    """,
    "Response": """
        __attrs__ _content _content_consumed apparent_encoding close connection content cookies elapsed
        encoding headers history is_permanent_redirect is_redirect iter_content iter_lines json links next ok
        raise_for_status raw reason request status_code text url
    """,
    "PreparedRequest": """
        body copy deregister_hook headers hooks method path_url prepare prepare_auth prepare_body
        prepare_content_length prepare_cookies prepare_headers prepare_hooks prepare_method prepare_url
        register_hook url
    """,
    "adapters.HTTPAdapter": """
        __attrs__ add_headers build_connection_pool_key_attributes build_response cert_verify close config
        get_connection get_connection_with_tls_context init_poolmanager max_retries poolmanager
        proxy_headers proxy_manager proxy_manager_for request_url send
    """,
    "cookies.RequestsCookieJar": """
        copy get get_dict get_policy items iteritems iterkeys itervalues keys list_domains list_paths
        multiple_domains set set_cookie update values
    """,
    "adapters.Retry": "from_int",
}
BELOW_PACKAGES = """
    urllib3.HTTPResponse urllib3._collections.HTTPHeaderDict urllib3._collections.RecentlyUsedContainer
    urllib3.connection.HTTPConnection urllib3.connectionpool.HTTPConnectionPool urllib3.disable_warnings
    urllib3.exceptions.InsecureRequestWarning urllib3.fields urllib3.filepost urllib3.poolmanager.PoolManager
    urllib3.poolmanager.ProxyManager urllib3.response.HTTPResponse urllib3.util.ssl_.create_urllib3_context
    urllib3.util.timeout
"""


@pytest.mark.parametrize("room, name", [(room, name) for room in IMPORTED for name in IMPORTED[room].split()])
def test_the_name_is_where_programs_import_it_from(room, name):
    code = f"from httpkit.{room} import {name}" if room else f"from httpkit import {name}"
    exec(code, {})


@pytest.mark.parametrize(
    "owner, name", [(owner, name) for owner in ATTRIBUTES for name in ATTRIBUTES[owner].split()]
)
def test_the_class_or_its_instance_has_the_attribute(owner, name):
    module, _, kind = f"httpkit.{owner}".rpartition(".")
    made = getattr(import_module(module), kind)()
    assert name in dir(made) or hasattr(made, name)


@pytest.mark.parametrize("name", BELOW_PACKAGES.split())
def test_the_name_is_below_packages(name):
    module, _, last = f"httpkit.packages.{name}".rpartition(".")
    assert getattr(import_module(module), last)


#: How requests lets each be called: its parameters in order, those with a default with `=`.
SIGNATURES = """
    request(method, url, **kwargs)
    get(url, params=, **kwargs)
    options(url, **kwargs)
    head(url, **kwargs)
    post(url, data=, json=, **kwargs)
    put(url, data=, **kwargs)
    patch(url, data=, **kwargs)
    delete(url, **kwargs)
    session()
    Request(method=, url=, headers=, files=, data=, params=, auth=, cookies=, hooks=, json=)
    Session.request(self, method, url, params=, data=, headers=, cookies=, files=, auth=, timeout=, \
        allow_redirects=, proxies=, hooks=, stream=, verify=, cert=, json=)
    Session.get(self, url, params=, **kwargs)
    Session.options(self, url, **kwargs)
    Session.head(self, url, **kwargs)
    Session.post(self, url, data=, json=, **kwargs)
    Session.put(self, url, data=, **kwargs)
    Session.patch(self, url, data=, **kwargs)
    Session.delete(self, url, **kwargs)
    Session.send(self, request, **kwargs)
    Session.mount(self, prefix, adapter)
    Session.get_adapter(self, url)
    Session.prepare_request(self, request)
    Session.merge_environment_settings(self, url, proxies, stream, verify, cert)
    Session.resolve_redirects(self, resp, req, stream=, timeout=, verify=, cert=, proxies=, \
        yield_requests=, **adapter_kwargs)
    Session.rebuild_auth(self, prepared_request, response)
    Session.rebuild_proxies(self, prepared_request, proxies)
    Session.rebuild_method(self, prepared_request, response)
    Session.should_strip_auth(self, old_url, new_url)
    Session.get_redirect_target(self, resp)
    Session.close(self)
    PreparedRequest.prepare(self, method=, url=, headers=, files=, data=, params=, auth=, cookies=, hooks=, json=)
    PreparedRequest.prepare_method(self, method)
    PreparedRequest.prepare_url(self, url, params)
    PreparedRequest.prepare_headers(self, headers)
    PreparedRequest.prepare_body(self, data, files, json=)
    PreparedRequest.prepare_content_length(self, body)
    PreparedRequest.prepare_auth(self, auth, url=)
    PreparedRequest.prepare_cookies(self, cookies)
    PreparedRequest.prepare_hooks(self, hooks)
    PreparedRequest.register_hook(self, event, hook)
    PreparedRequest.deregister_hook(self, event, hook)
    PreparedRequest.copy(self)
    Response.iter_content(self, chunk_size=, decode_unicode=)
    Response.iter_lines(self, chunk_size=, decode_unicode=, delimiter=)
    Response.json(self, **kwargs)
    Response.raise_for_status(self)
    adapters.HTTPAdapter(pool_connections=, pool_maxsize=, max_retries=, pool_block=)
    adapters.HTTPAdapter.send(self, request, stream=, timeout=, verify=, cert=, proxies=)
    adapters.HTTPAdapter.init_poolmanager(self, connections, maxsize, block=, **pool_kwargs)
    adapters.HTTPAdapter.proxy_manager_for(self, proxy, **proxy_kwargs)
    adapters.HTTPAdapter.cert_verify(self, conn, url, verify, cert)
    adapters.HTTPAdapter.build_response(self, req, resp)
    adapters.HTTPAdapter.build_connection_pool_key_attributes(self, request, verify, cert=)
    adapters.HTTPAdapter.get_connection_with_tls_context(self, request, verify, proxies=, cert=)
    adapters.HTTPAdapter.get_connection(self, url, proxies=)
    adapters.HTTPAdapter.request_url(self, request, proxies)
    adapters.HTTPAdapter.add_headers(self, request, **kwargs)
    adapters.HTTPAdapter.proxy_headers(self, proxy)
    adapters.HTTPAdapter.close(self)
    adapters.BaseAdapter()
    adapters.BaseAdapter.send(self, request, stream=, timeout=, verify=, cert=, proxies=)
    auth.HTTPBasicAuth(username, password)
    auth.HTTPDigestAuth(username, password)
    auth.HTTPDigestAuth.build_digest_header(self, method, url)
    auth.HTTPDigestAuth.handle_401(self, r, **kwargs)
    auth._basic_auth_str(username, password)
    cookies.RequestsCookieJar(policy=)
    cookies.RequestsCookieJar.get(self, name, default=, domain=, path=)
    cookies.RequestsCookieJar.set(self, name, value, **kwargs)
    cookies.RequestsCookieJar.get_dict(self, domain=, path=)
    cookies.RequestsCookieJar.set_cookie(self, cookie, *args, **kwargs)
    cookies.cookiejar_from_dict(cookie_dict, cookiejar=, overwrite=)
    cookies.create_cookie(name, value, **kwargs)
    cookies.extract_cookies_to_jar(jar, request, response)
    cookies.get_cookie_header(jar, request)
    cookies.merge_cookies(cookiejar, cookies)
    cookies.morsel_to_cookie(morsel)
    cookies.remove_cookie_by_name(cookiejar, name, domain=, path=)
    hooks.default_hooks()
    hooks.dispatch_hook(key, hooks, hook_data, **kwargs)
    sessions.merge_setting(request_setting, session_setting, dict_class=)
    sessions.merge_hooks(request_hooks, session_hooks, dict_class=)
    structures.CaseInsensitiveDict(data=, **kwargs)
    structures.LookupDict(name=)
    utils.add_dict_to_cookiejar(cj, cookie_dict)
    utils.check_header_validity(header)
    utils.default_user_agent(name=)
    utils.dict_from_cookiejar(cj)
    utils.extract_zipped_paths(path)
    utils.get_auth_from_url(url)
    utils.get_encoding_from_headers(headers)
    utils.get_environ_proxies(url, no_proxy=)
    utils.get_netrc_auth(url, raise_errors=)
    utils.guess_filename(obj)
    utils.iter_slices(string, slice_length)
    utils.parse_header_links(value)
    utils.prepend_scheme_if_needed(url, new_scheme)
    utils.requote_uri(uri)
    utils.resolve_proxies(request, proxies, trust_env=)
    utils.rewind_body(prepared_request)
    utils.select_proxy(url, proxies)
    utils.set_environ(env_name, value)
    utils.should_bypass_proxies(url, no_proxy)
    utils.stream_decode_response_unicode(iterator, r)
    utils.super_len(o)
    utils.to_native_string(string, encoding=)
    utils.unquote_header_value(value, is_filename=)
"""
CALLS = [" ".join(line.split()) for line in SIGNATURES.strip().splitlines()]


def find(path: str) -> Any:
    found: Any = import_module("httpkit")
    for part in path.split("."):
        found = getattr(found, part)
    return found


@pytest.mark.parametrize("call", CALLS, ids=lambda call: call.partition("(")[0])
def test_it_is_called_as_requests_is(call):
    """Every parameter of requests, at its place, by its name and as optional; ours may follow, if optional."""
    path, _, listed = call[:-1].partition("(")
    ours = list(inspect.signature(find(path)).parameters.values())
    for place, theirs in enumerate(filter(None, listed.split(", "))):
        if theirs.startswith("*"):
            kind = inspect.Parameter.VAR_KEYWORD if theirs[1] == "*" else inspect.Parameter.VAR_POSITIONAL
            assert any(mine.kind is kind for mine in ours), theirs
        else:
            mine = ours[place]
            assert mine.name == theirs.rstrip("=")
            assert mine.kind is inspect.Parameter.POSITIONAL_OR_KEYWORD or theirs == "self"
            assert (mine.default is not inspect.Parameter.empty) == theirs.endswith("=")
    variable = (inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL)
    for mine in ours[len(listed.split(", ")) if listed else 0 :]:
        assert mine.kind in variable or mine.default is not inspect.Parameter.empty, mine


def test_parameters_of_a_query_are_the_second_argument_of_get():
    import httpkit

    session = httpkit.Session()
    with mock.patch.object(session, "send") as send:
        session.get("http://example.test/", {"a": "1"})
    assert send.call_args.args[0].url == "http://example.test/?a=1"


def test_the_proxy_manager_that_a_test_puts_into_urllib3_is_the_one_that_is_made():
    from httpkit.adapters import HTTPAdapter

    with mock.patch("httpkit.packages.urllib3.poolmanager.ProxyManager") as manager:
        HTTPAdapter().proxy_manager_for("http://127.0.0.1:3128", ssl_version="x")
    assert manager.call_count == 1
    assert manager.call_args.kwargs["ssl_version"] == "x"


def test_closing_an_adapter_clears_the_pools_that_a_test_gave_it():
    from httpkit.adapters import HTTPAdapter

    adapter = HTTPAdapter()
    given = mock.Mock()
    with mock.patch.dict(adapter.proxy_manager, {"http://127.0.0.1:3128": given}):
        adapter.close()
    given.clear.assert_called_once_with()


# late names


def test_a_late_name_is_the_one_of_its_home():
    import urllib.parse
    from http import cookiejar

    from httpkit import models
    from httpkit._message import bodies

    assert models.urlencode is urllib.parse.urlencode  # type: ignore[attr-defined]
    assert models.super_len is bodies.super_len  # type: ignore[attr-defined]
    assert models.cookielib is cookiejar  # type: ignore[attr-defined]


def test_a_name_that_is_nowhere_is_an_attribute_error_that_names_the_room():
    with pytest.raises(AttributeError, match=r"'httpkit\.models' has no attribute 'urlencod'"):
        import_module("httpkit.models").urlencod  # noqa: B018  # the access is the test


def test_a_late_name_costs_nothing_until_it_is_asked_for():
    code = "import sys, httpkit.auth; print('httpkit._compat' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_a_home_is_a_room_of_the_package_or_a_module_of_others():
    lookup = late_names("httpkit.models", {".hooks": "default_hooks", "http": "jars=cookiejar"})
    assert lookup("default_hooks") is import_module("httpkit.hooks").default_hooks
    assert lookup("jars") is import_module("http.cookiejar")
    with pytest.raises(AttributeError):
        lookup("cookiejar")
