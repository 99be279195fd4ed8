"""What a new session sends: fields that are true of this installation."""

from __future__ import annotations

import subprocess
import sys

import pytest

import httpkit
from httpkit import _defaults
from httpkit.__version__ import __version__


@pytest.fixture
def fresh():
    """The codings are looked up once, so a test must not leave those of a pretended installation behind."""
    _defaults.accept_encoding.cache_clear()
    yield
    _defaults.accept_encoding.cache_clear()


def test_the_default_fields_are_those_that_programs_expect():
    headers = _defaults.default_headers()
    assert dict(headers) == {
        "User-Agent": f"httpkit/{__version__}",
        "Accept-Encoding": _defaults.accept_encoding(),
        "Accept": "*/*",
        "Connection": "keep-alive",
    }
    assert httpkit.__name__ == "httpkit"


def test_each_session_gets_fields_of_its_own():
    first, second = _defaults.default_headers(), _defaults.default_headers()
    first["Accept"] = "text/plain"
    assert second["Accept"] == "*/*"


def test_the_user_agent_can_name_another_product():
    assert _defaults.default_user_agent("tool") == f"tool/{__version__}"


@pytest.mark.parametrize(
    "installed, offered",
    [
        pytest.param((), "gzip, deflate", id="the standard library's"),
        pytest.param(("brotli",), "gzip, deflate, br", id="brotli"),
        pytest.param(("brotlicffi",), "gzip, deflate, br", id="brotlicffi"),
        pytest.param(_defaults._ZSTD, "gzip, deflate, zstd", id="zstd"),
        pytest.param(("brotli", *_defaults._ZSTD), "gzip, deflate, br, zstd", id="both"),
    ],
)
def test_only_codings_with_a_decoder_are_offered(monkeypatch, fresh, installed, offered):
    monkeypatch.setattr(_defaults, "find_spec", lambda name: object() if name in installed else None)
    encoding = _defaults.DEFAULT_ACCEPT_ENCODING
    assert encoding == offered
    assert _defaults.default_headers()["Accept-Encoding"] == offered


@pytest.mark.parametrize("error", [ModuleNotFoundError("no parent package"), ValueError("no __spec__")])
def test_a_decoder_that_cannot_be_looked_up_is_not_offered(monkeypatch, fresh, error):
    def find_spec(name):
        raise error

    monkeypatch.setattr(_defaults, "find_spec", find_spec)
    assert _defaults.accept_encoding() == "gzip, deflate"


def test_urllib3_can_decode_what_is_offered():
    from urllib3.util.request import ACCEPT_ENCODING

    assert set(_defaults.DEFAULT_ACCEPT_ENCODING.split(", ")) == set(ACCEPT_ENCODING.split(","))


def test_no_decoder_is_imported_to_find_out():
    code = (
        "import sys; from httpkit._defaults import default_headers; default_headers(); "
        "loaded = {'brotli', 'brotlicffi', 'backports.zstd', '_zstd', 'urllib3'} & set(sys.modules); "
        "print(sorted(loaded))"
    )
    output = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert output.strip() == "[]"


def test_an_unknown_name_of_the_room_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no_such_name"):
        _defaults.no_such_name  # noqa: B018  # the access is the test
