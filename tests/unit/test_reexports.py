"""The rooms that only re-export: every name is the one of its home, and replacing it takes effect there."""

from __future__ import annotations

import json
import subprocess
import sys
import types
import zipfile
from importlib import import_module
from unittest import mock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from httpkit import _compat, _environment, _help, certs, compat, packages, utils
from httpkit import help as help_
from httpkit._forwarding import ForwardingModule, ModuleAliases, forward_assignments
from httpkit.exceptions import InvalidHeader

# What programs take from these rooms of requests.
NAMES = {
    "utils": """
        CaseInsensitiveDict DEFAULT_ACCEPT_ENCODING DEFAULT_CA_BUNDLE_PATH DEFAULT_PORTS FileModeWarning
        HEADER_VALIDATORS InvalidHeader InvalidURL Mapping NETRC_FILES OrderedDict UNRESERVED_SET
        UnrewindableBodyError _HEADER_VALIDATORS_BYTE _HEADER_VALIDATORS_STR __version__
        _parse_content_type_header _parse_list_header add_dict_to_cookiejar address_in_network atomic_open
        basestring bytes certs check_header_validity cookiejar_from_dict default_headers default_user_agent
        dict_from_cookiejar dict_to_sequence dotted_netmask extract_zipped_paths from_key_val_list
        get_auth_from_url get_encoding_from_headers get_encodings_from_content get_environ_proxies
        get_netrc_auth get_unicode_from_response getproxies guess_filename guess_json_utf integer_types
        is_ipv4_address is_urllib3_1 is_valid_cidr iter_slices parse_dict_header parse_header_links
        parse_list_header prepend_scheme_if_needed proxy_bypass quote requote_uri resolve_proxies rewind_body
        select_proxy set_environ should_bypass_proxies str stream_decode_response_unicode super_len
        to_key_val_list to_native_string unquote unquote_header_value unquote_unreserved urldefragauth
        urlparse urlunparse
    """,
    "compat": """
        Callable JSONDecodeError Mapping Morsel MutableMapping OrderedDict SimpleCookie StringIO basestring
        builtin_str bytes chardet cookielib getproxies has_simplejson integer_types is_py2 is_py3 is_urllib3_1
        json numeric_types parse_http_list proxy_bypass quote quote_plus str unquote unquote_plus urldefrag
        urlencode urljoin urllib3_version urlparse urlsplit urlunparse alias_requests
    """,
    "_internal_utils": """
        HEADER_VALIDATORS _HEADER_VALIDATORS_BYTE _HEADER_VALIDATORS_STR to_native_string unicode_is_ascii
    """,
    "help": """
        OpenSSL _implementation chardet charset_normalizer cryptography idna info main pyopenssl
        requests_version urllib3
    """,
    "certs": "where",
    "packages": "chardet idna urllib3",
}


@pytest.mark.parametrize(
    "room, name", [(room, name) for room, names in NAMES.items() for name in names.split()]
)
def test_the_name_is_there(room, name):
    getattr(import_module(f"httpkit.{room}"), name)


#: Names of requests' rooms that are left out: modules of the standard library and typing that it happens to
#: import, its internals, and names that are urllib3's or urllib's own.
LEFT_OUT = {
    "utils": """
        Any Final Generator Iterable TYPE_CHECKING TypeVar annotations cast codecs contextlib io os overload
        re socket struct sys tempfile warnings zipfile make_headers parse_url getproxies_environment
        proxy_bypass_environment proxy_bypass_registry
    """,
    "compat": "ModuleType annotations importlib sys getproxies_environment proxy_bypass_environment",
    "_internal_utils": "re",
    "help": "Any",
    "packages": "imported_mod mod package sys target",
    "certs": "",
}


@pytest.mark.parametrize("room", LEFT_OUT)
def test_nothing_public_of_requests_is_missing_but_what_is_left_out_on_purpose(room):
    code = f"import requests.{room} as room, json; print(json.dumps(dir(room)))"
    listed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip("requests is not installed here")
    theirs = {name for name in json.loads(listed.stdout) if not name.startswith("_")}
    ours = set(dir(import_module(f"httpkit.{room}")))
    assert theirs - ours == set(LEFT_OUT[room].split()) & theirs


HOMES = [
    (utils, "_environment", "get_netrc_auth proxy_bypass getproxies select_proxy set_environ NETRC_FILES"),
    (utils, "_message.urls", "requote_uri get_auth_from_url"),
    (utils, "_message.fields", "parse_dict_header check_header_validity"),
    (utils, "_message.bodies", "super_len rewind_body guess_filename"),
    (utils, "_message.charsets", "get_encoding_from_headers guess_json_utf"),
    (utils, "_defaults", "default_headers default_user_agent"),
    (utils, "_compat", "to_native_string extract_zipped_paths HEADER_VALIDATORS"),
    (utils, "cookies", "add_dict_to_cookiejar cookiejar_from_dict"),
    (utils, "structures", "to_key_val_list CaseInsensitiveDict"),
    (compat, "_environment", "getproxies proxy_bypass"),
    (compat, "_compat", "basestring chardet is_py3"),
    (compat, "_alias", "alias_requests"),
    (help_, "_help", "idna urllib3 info main chardet pyopenssl"),
]
IN_THEIR_HOMES = [
    pytest.param(room, home, name, id=f"{room.__name__}.{name}")
    for room, home, names in HOMES
    for name in names.split()
]


@pytest.mark.parametrize("room, home, name", IN_THEIR_HOMES)
def test_a_name_is_the_object_of_its_home(room, home, name):
    assert getattr(room, name) is getattr(import_module(f"httpkit.{home}"), name)


@pytest.mark.parametrize("room, home, name", IN_THEIR_HOMES)
def test_patching_a_name_patches_its_home_and_restores_both(room, home, name):
    home = import_module(f"httpkit.{home}")
    original = getattr(home, name)
    with mock.patch.object(room, name, new="replaced"):
        assert getattr(room, name) == "replaced"
        assert getattr(home, name) == "replaced"
    assert getattr(room, name) is original
    assert getattr(home, name) is original


def test_pytests_monkeypatch_reaches_the_home_and_restores_it(monkeypatch):
    original = _environment.proxy_bypass
    with monkeypatch.context() as patch:
        patch.setattr("httpkit.utils.proxy_bypass", lambda host: True)
        assert _environment.proxy_bypass("x") is True
    assert _environment.proxy_bypass is original is utils.proxy_bypass


def test_a_deleted_name_is_gone_in_its_home_too_and_comes_back(monkeypatch):
    original = _environment.getproxies
    with monkeypatch.context() as patch:
        patch.delattr(utils, "getproxies")
        assert not hasattr(_environment, "getproxies")
    assert _environment.getproxies is original is utils.getproxies


def test_the_code_that_uses_a_patched_name_sees_it():
    with mock.patch("httpkit.utils.proxy_bypass", return_value=True) as bypass:
        assert utils.should_bypass_proxies("http://example.test/", no_proxy=None)
    bypass.assert_called_once_with("example.test")
    assert not utils.should_bypass_proxies("http://example.test/", no_proxy=None)


def test_a_name_that_the_room_does_not_re_export_stays_its_own():
    utils.some_new_name = 1
    try:
        assert not hasattr(_environment, "some_new_name")
    finally:
        del utils.some_new_name
    assert not hasattr(utils, "some_new_name")


def test_a_name_may_have_several_homes_and_only_those_with_the_same_object(monkeypatch):
    def module(module_name: str, **names: object) -> types.ModuleType:
        made = types.ModuleType(f"kit.{module_name}")
        vars(made).update(names)
        monkeypatch.setitem(sys.modules, f"kit.{module_name}", made)
        return made

    shared = object()
    monkeypatch.setitem(sys.modules, "kit", types.ModuleType("kit"))
    room, first, second, other = (
        module("room", name=shared),
        module("first", name=shared),
        module("second", name=shared),
        module("other", name=object()),
    )
    forward_assignments("kit.room", "first", "second", "other")
    room.name = 1
    assert (first.name, second.name) == (1, 1)
    assert other.name != 1
    assert type(room) is ForwardingModule


# packages


#: Some that `import urllib3` loads, and some that nothing has loaded before.
BELOW_PACKAGES = [
    *("urllib3", "urllib3.util", "urllib3.util.retry", "urllib3.util.ssl_", "urllib3._collections"),
    *("urllib3.fields", "urllib3.filepost", "urllib3.contrib", "idna", "idna.core", "idna.codec"),
    *("charset_normalizer", "charset_normalizer.models", "charset_normalizer.cli"),
]


@pytest.mark.parametrize("first, second", [("httpkit.packages.", ""), ("", "httpkit.packages.")])
def test_a_module_below_packages_is_the_very_module(first, second):
    """In a process of its own, since it matters which name is imported first."""
    code = f"""
import sys
from importlib import import_module
for name in {BELOW_PACKAGES}:
    one, other = import_module({first!r} + name), import_module({second!r} + name)
    assert one is other is sys.modules[name] is sys.modules["httpkit.packages." + name], name
    assert one.__name__ == one.__spec__.name == name, one.__spec__
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=50)


def test_the_charset_detector_goes_by_the_name_of_chardet():
    module = import_module("httpkit.packages.chardet")
    assert module is packages.chardet is compat.chardet
    assert module.__name__ in ("chardet", "charset_normalizer")


def test_names_can_be_imported_from_below_packages():
    from httpkit.packages.urllib3.exceptions import InsecureRequestWarning  # type: ignore[import-not-found]

    assert InsecureRequestWarning is import_module("urllib3.exceptions").InsecureRequestWarning
    assert packages.urllib3.disable_warnings


def test_no_finder_is_registered_until_packages_is_imported():
    code = """
import sys
before = list(sys.meta_path)
import httpkit, httpkit.utils, httpkit.compat, httpkit.help
assert sys.meta_path == before
import httpkit.packages
print(len(sys.meta_path) - len(before))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "1"


@pytest.mark.parametrize(
    "name", ["urllib3", "json", "httpkit", "httpkit.packages", "httpkit.packagesx.urllib3"]
)
def test_the_finder_acts_on_its_own_names_only(name):
    finder = ModuleAliases({"httpkit.packages.urllib3": "urllib3"})
    assert finder.find_spec(name) is None


def test_what_does_not_exist_below_packages_is_not_found():
    with pytest.raises(ModuleNotFoundError, match="no_such_module"):
        import_module("httpkit.packages.urllib3.no_such_module")


def test_the_finder_loads_nothing_that_is_no_alias():
    finder = ModuleAliases({"a": "b"})
    with pytest.raises(ImportError, match="no alias"):
        finder.exec_module(types.ModuleType("c"))


# help and certs


def test_info_has_what_readers_of_bug_reports_know():
    info = help_.info()
    assert set(info) == {
        "platform",
        "implementation",
        "system_ssl",
        "using_pyopenssl",
        "using_charset_normalizer",
        "pyOpenSSL",
        "urllib3",
        "chardet",
        "charset_normalizer",
        "cryptography",
        "idna",
        "httpkit",
        "requests",
    }
    import urllib3

    assert info["urllib3"] == {"version": urllib3.__version__}
    assert info["implementation"]["version"].startswith(f"{sys.version_info[0]}.{sys.version_info[1]}")
    assert info["requests"] == info["httpkit"] == {"version": utils.__version__}
    assert json.loads(json.dumps(info)) == info


@pytest.mark.parametrize(
    "package, expected",
    [
        pytest.param(None, {"version": ""}, id="not installed"),
        pytest.param(types.SimpleNamespace(__version__="2.6"), {"version": "2.6"}, id="2.6"),
        pytest.param(types.SimpleNamespace(), {"version": ""}, id="without a version"),
    ],
)
def test_info_looks_at_packages_through_names_that_tests_replace(package, expected):
    with mock.patch("httpkit.help.idna", new=package):
        assert help_.info()["idna"] == expected


def test_info_reports_openssl_where_pyopenssl_is_used():
    openssl = types.SimpleNamespace(
        __version__="25.0", SSL=types.SimpleNamespace(OPENSSL_VERSION_NUMBER=0x30000000)
    )
    with mock.patch.multiple(help_, OpenSSL=openssl, pyopenssl=object(), chardet=openssl):
        info = help_.info()
    assert info["pyOpenSSL"] == {"version": "25.0", "openssl_version": "30000000"}
    assert info["using_pyopenssl"] is True
    assert info["using_charset_normalizer"] is False


def test_info_knows_pypy_by_its_own_version():
    version = types.SimpleNamespace(major=7, minor=3, micro=1, releaselevel="beta")
    with mock.patch.object(sys, "pypy_version_info", version, create=True):
        assert _help._implementation()["version"] == "7.3.1beta"


def test_info_survives_a_platform_that_cannot_say_what_it_is():
    with mock.patch("platform.system", side_effect=OSError):
        assert help_.info()["platform"] == {"system": "Unknown", "release": "Unknown"}


@pytest.mark.parametrize("room", ["help", "certs"])
def test_the_room_is_a_program(room):
    done = subprocess.run(
        [sys.executable, "-m", f"httpkit.{room}"], capture_output=True, text=True, check=True
    )
    printed = done.stdout.strip()
    assert printed == certs.where() if room == "certs" else "httpkit" in json.loads(printed)


# small helpers


def test_header_validators_say_what_the_check_says():
    assert set(utils.HEADER_VALIDATORS) == {str, bytes}

    @given(st.text(max_size=8), st.text(max_size=8))
    def agree(name: str, value: str) -> None:
        valid = all(
            pattern.match(part)
            for pattern, part in zip(utils.HEADER_VALIDATORS[str], (name, value), strict=True)
        )
        try:
            utils.check_header_validity((name, value))
        except InvalidHeader:
            assert not valid
        else:
            assert valid

    agree()


@pytest.mark.parametrize(
    "part, index, valid",
    [
        (b"X-Name", 0, True),
        (b"X Name", 0, False),
        (b"X-Name\n", 0, False),
        (b"value", 1, True),
        (b"", 1, True),
        (b" value", 1, False),
        (b"value\r\n", 1, False),
        ("\xe9", 1, True),
    ],
)
def test_header_validators_exist_for_bytes_and_text(part, index, valid):
    assert bool(utils.HEADER_VALIDATORS[type(part)][index].match(part)) is valid


def test_native_strings_are_text():
    assert _compat.to_native_string(b"abc") == _compat.to_native_string("abc") == "abc"
    assert _compat.to_native_string("é".encode(), "utf-8") == "é"
    with pytest.raises(UnicodeDecodeError):
        _compat.to_native_string(b"\xe9")


def test_ascii_text_is_told_from_other_text():
    assert _compat.unicode_is_ascii("test")
    assert not _compat.unicode_is_ascii("æíöû")
    with pytest.raises(TypeError, match="bytes"):
        _compat.unicode_is_ascii(b"test")  # type: ignore[arg-type]


def test_a_mapping_becomes_its_pairs_and_pairs_stay_what_they_are():
    assert list(_compat.dict_to_sequence({"a": 1})) == [("a", 1)]
    pairs = [("a", 1)]
    assert _compat.dict_to_sequence(pairs) is pairs


def test_text_of_a_response_is_asked_of_the_response():
    with pytest.warns(DeprecationWarning, match=r"r\.text"):
        assert _compat.get_unicode_from_response(types.SimpleNamespace(text="ä")) == "ä"


def test_an_atomically_opened_file_appears_when_it_is_complete(tmp_path):
    target = tmp_path / "file"
    target.write_bytes(b"old")
    with _compat.atomic_open(str(target)) as file:
        file.write(b"new")
        file.flush()
        assert target.read_bytes() == b"old"
    assert target.read_bytes() == b"new"
    assert list(tmp_path.iterdir()) == [target]


def test_an_atomically_opened_file_is_forgotten_when_the_block_raises(tmp_path):
    target = tmp_path / "file"
    with pytest.raises(KeyError), _compat.atomic_open(str(target)) as file:
        file.write(b"half")
        raise KeyError
    assert list(tmp_path.iterdir()) == []


def test_an_atomically_opened_file_may_be_named_without_a_directory(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with _compat.atomic_open("file") as file:
        file.write(b"x")
    assert (tmp_path / "file").read_bytes() == b"x"


@pytest.fixture
def archive(tmp_path):
    path = tmp_path / "app.zip"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("certifi/cacert.pem", b"certificates")
    return path


def test_a_member_of_a_zip_archive_becomes_a_file_once(archive):
    first = _compat.extract_zipped_paths(f"{archive}/certifi/cacert.pem")
    assert first != f"{archive}/certifi/cacert.pem"
    assert first.endswith(".pem")
    with open(first, "rb") as file:
        assert file.read() == b"certificates"
    assert _compat.extract_zipped_paths(f"{archive}/certifi/cacert.pem") == first


def test_a_copy_takes_nothing_that_somebody_has_put_there(archive, tmp_path, monkeypatch):
    """CVE-2026-25645."""
    import os
    import tempfile

    shared = tmp_path / "shared"
    shared.mkdir()
    (shared / "cacert.pem").write_bytes(b"of an attacker")
    monkeypatch.setattr(tempfile, "tempdir", str(shared))
    copy = _compat.extract_zipped_paths(f"{archive}/certifi/cacert.pem")
    with open(copy, "rb") as file:
        assert file.read() == b"certificates"
    assert os.path.dirname(copy) == str(shared)
    assert os.name == "nt" or os.stat(copy).st_mode & 0o077 == 0


def test_a_member_is_extracted_again_when_the_copy_is_gone_or_the_archive_changed(archive, tmp_path):
    import os

    name = f"{archive}/certifi/cacert.pem"
    first = _compat.extract_zipped_paths(name)
    os.unlink(first)
    second = _compat.extract_zipped_paths(name)
    assert os.path.exists(second)
    with zipfile.ZipFile(archive, "a") as file:
        file.writestr("other", b"x")
    third = _compat.extract_zipped_paths(name)
    assert third != second


@pytest.mark.parametrize(
    "path",
    [
        pytest.param(__file__, id="a file"),
        pytest.param("/", id="the root"),
        pytest.param("", id="empty"),
        pytest.param("nowhere", id="relative"),
        pytest.param("/no/such/file.pem", id="no such file"),
        pytest.param(f"{__file__}/member", id="below a file that is no archive"),
        pytest.param(r"\\localhost\invalid\location", id="a UNC path"),
    ],
)
def test_a_path_that_leads_into_no_archive_stays_as_it_is(path):
    assert _compat.extract_zipped_paths(path) == path


@pytest.mark.parametrize("member", ["absent.pem", "certifi", "../app.zip"])
def test_a_path_to_a_member_that_is_not_there_stays_as_it_is(archive, member):
    assert _compat.extract_zipped_paths(f"{archive}/{member}") == f"{archive}/{member}"


def test_extracted_copies_are_removed_when_the_interpreter_ends(archive):
    import os

    name = f"{archive}/certifi/cacert.pem"
    code = f"from httpkit._compat import extract_zipped_paths; print(extract_zipped_paths({name!r}))"
    copy = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.strip()
    assert copy.endswith(".pem")
    assert not os.path.exists(copy)


def test_an_unknown_name_of_the_room_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no_such_name"):
        _compat.no_such_name  # noqa: B018  # the access is the test
