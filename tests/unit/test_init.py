"""The door: public names and nothing else, each loaded when it is first asked for."""

from __future__ import annotations

import importlib
import inspect
import logging
import subprocess
import sys
from pathlib import Path

import pytest

import httpkit

MODULES = [
    name for name in httpkit.__all__ if not name.startswith("_") and inspect.ismodule(getattr(httpkit, name))
]
REQUESTS_NAMES = [
    "ConnectTimeout",
    "ConnectionError",
    "FileModeWarning",
    "HTTPError",
    "JSONDecodeError",
    "PreparedRequest",
    "ReadTimeout",
    "Request",
    "RequestException",
    "Response",
    "Session",
    "Timeout",
    "TooManyRedirects",
    "URLRequired",
    "codes",
    "delete",
    "get",
    "head",
    "options",
    "patch",
    "post",
    "put",
    "request",
    "session",
    "adapters",
    "api",
    "auth",
    "certs",
    "compat",
    "cookies",
    "exceptions",
    "help",
    "hooks",
    "models",
    "packages",
    "sessions",
    "status_codes",
    "structures",
    "utils",
    "__author__",
    "__author_email__",
    "__build__",
    "__cake__",
    "__copyright__",
    "__description__",
    "__license__",
    "__title__",
    "__url__",
    "__version__",
]


def python(code: str) -> str:
    """What *code* prints in a fresh interpreter."""
    here = Path(httpkit.__file__).parent.parent
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", code], cwd=here, capture_output=True, text=True, check=True
    ).stdout.strip()


def test_what_is_public_is_listed_and_sorted() -> None:
    # As the linter has it: what is all capitals, what begins with one, the rest.
    assert httpkit.__all__ == sorted(httpkit.__all__, key=lambda name: (not name.isupper(), name))
    assert len(set(httpkit.__all__)) == len(httpkit.__all__)


@pytest.mark.parametrize("name", REQUESTS_NAMES)
def test_the_names_of_requests_are_here(name: str) -> None:
    assert hasattr(httpkit, name)
    # A star import gives what requests' gives: no name with underscores.
    assert (name in httpkit.__all__) is not name.startswith("__")


@pytest.mark.parametrize("name", sorted(httpkit.__all__))
def test_each_listed_name_loads(name: str) -> None:
    assert getattr(httpkit, name) is getattr(httpkit, name)
    assert name in dir(httpkit)


@pytest.mark.parametrize("name", MODULES)
def test_modules_are_those_that_import_gives(name: str) -> None:
    assert getattr(httpkit, name) is importlib.import_module(f"httpkit.{name}")


def test_functions_and_classes_are_those_of_their_homes() -> None:
    assert httpkit.get is httpkit.api.get
    assert httpkit.Session is httpkit.sessions.Session
    assert httpkit.Response is httpkit.models.Response
    assert httpkit.codes is httpkit.status_codes.codes
    assert httpkit.Timeout is httpkit.exceptions.Timeout
    assert httpkit.session().__class__ is httpkit.Session


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'httpkit' has no attribute 'gett'"):
        httpkit.gett  # noqa: B018
    with pytest.raises(ImportError):
        from httpkit import gett  # noqa: F401


def test_everything_can_be_imported_with_a_star() -> None:
    namespace: dict[str, object] = {}
    exec("from httpkit import *", namespace)
    assert set(httpkit.__all__) <= set(namespace)


def test_the_version_is_one() -> None:
    assert httpkit.__version__.split(".")[0].isdigit()
    assert f"{httpkit.__build__:#x}".startswith("0x")


def test_logging_is_silent_unless_asked() -> None:
    assert any(isinstance(handler, logging.NullHandler) for handler in logging.getLogger("httpkit").handlers)


def test_importing_loads_nothing_heavy() -> None:
    heavy = {
        "urllib3",
        "ssl",
        "http.client",
        "charset_normalizer",
        "idna",
        "certifi",
        "email",
        "json",
        "asyncio",
    }
    loaded = python(
        "import sys; before = set(sys.modules); import httpkit; print(*(set(sys.modules) - before))"
    )
    assert heavy.isdisjoint(loaded.split())


def test_each_module_can_be_the_first_to_be_imported() -> None:
    names = [f"httpkit.{name}" for name in MODULES]
    code = f"""
import sys, importlib
before = set(sys.modules)
for name in {names!r}:
    importlib.import_module(name)
    for loaded in [one for one in sys.modules if one.split(".")[0] == "httpkit"]:
        del sys.modules[loaded]
print("done")
"""
    assert python(code) == "done"


def test_importing_touches_nothing_else_in_the_process() -> None:
    code = """
import sys, urllib3, urllib3.connection, urllib3.connectionpool, urllib3.poolmanager, socket, ssl, http.client, warnings
watched = [urllib3, urllib3.connection, urllib3.connectionpool, urllib3.poolmanager, socket, ssl, http.client]
before = [dict(vars(module)) for module in watched]
filters = list(warnings.filters)
import httpkit
for name in httpkit.__all__:
    getattr(httpkit, name)
httpkit.Session().close()
changed = [m.__name__ for m, was in zip(watched, before) for k, v in was.items() if getattr(m, k, None) is not v]
print(changed, "requests" in sys.modules)
"""
    assert python(code) == "[] False"
