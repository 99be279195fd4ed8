"""What every test lives under: no network but loopback, a clean environment, no sockets left open; and the servers."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import hypothesis
import pytest

from tests.servers import Authority, RawServer, RecordingServer
from tests.servers import guard as _guard
from tests.servers.guard import Network, network

READ_BY_CLIENTS = [
    *(f"{scheme}_proxy" for scheme in ("http", "https", "ftp", "all", "no", "ws", "wss", "socks")),
    "request_method",
    "requests_ca_bundle",
    "curl_ca_bundle",
    "ssl_cert_file",
    "ssl_cert_dir",
    "sslkeylogfile",
    "netrc",
]


def pytest_configure(config: pytest.Config) -> None:
    _guard.install()
    _clean_environment()
    # A busy machine is no failure. Where a change lands, the examples are the same each time; developers explore.
    hypothesis.settings.register_profile("httpkit", deadline=None, derandomize="CI" in os.environ)
    hypothesis.settings.load_profile("httpkit")


def _clean_environment() -> None:
    """Remove what clients read from the environment; no netrc but an empty one."""
    for name in READ_BY_CLIENTS:
        os.environ.pop(name, None)
        os.environ.pop(name.upper(), None)
    os.environ["NETRC"] = os.devnull


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    report = yield
    if report.failed:
        item.stash[FAILED] = True
    return report


FAILED = pytest.StashKey[bool]()


def close_shared_pool() -> None:
    """Close the connections that the module-level functions keep between calls."""
    shared = getattr(sys.modules.get("httpkit.api"), "_shared", None)
    if shared is not None:
        shared.close()


def settle() -> None:
    """Let what may outlast a call come to its end: kept connections, and waits that were left alone."""
    close_shared_pool()
    for thread in threading.enumerate():
        if thread.name == "httpkit-wait":
            thread.join(5)


@pytest.fixture(autouse=True)
def _only_loopback_and_nothing_left_open(request: pytest.FixtureRequest) -> Iterator[None]:
    network.begin()
    yield
    problems = list(network.violations)
    if not request.node.stash.get(FAILED, False) and "leaks_sockets" not in request.keywords:
        problems += network.left_open(settle=settle)
    if problems:
        pytest.fail("\n".join(problems), pytrace=False)


@pytest.fixture(autouse=True)
def _clean_environment_around_each_test() -> Iterator[None]:
    saved = dict(os.environ)
    yield
    current = os.environ
    if current != saved:
        for name in current.keys() - saved.keys():
            del current[name]
        current.update(saved)


@pytest.fixture
def dns() -> Network:
    """The names of this test: `hosts` to add some, `queries` to see which were looked up."""
    return network


@pytest.fixture(scope="session")
def ca(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """A certificate authority that no system trusts."""
    return Authority(tmp_path_factory.mktemp("ca"))


@pytest.fixture(scope="session")
def ca_file(ca: Authority) -> str:
    """The path of its certificate, for `verify=`."""
    return ca.file


@pytest.fixture(scope="session")
def tls_context(ca: Authority) -> Any:
    """A server's TLS context for the default names (`tests.servers.tls.LOOPBACK`), made once."""
    return ca.server_context()


@pytest.fixture
def serve() -> Iterator[Callable[..., RecordingServer]]:
    """serve(handler, **options): a RecordingServer until the end of the test."""
    with ExitStack() as stack:
        yield lambda handler=None, **options: stack.enter_context(RecordingServer(handler, **options))


@pytest.fixture
def serve_tls(serve: Callable[..., RecordingServer], tls_context: Any) -> Callable[..., RecordingServer]:
    """serve_tls(handler, **options): the same over TLS, for the default names."""
    return lambda handler=None, **options: serve(handler, **{"tls": tls_context, **options})


@pytest.fixture
def serve_raw() -> Iterator[Callable[..., RawServer]]:
    """serve_raw(script, **options): a RawServer until the end of the test."""
    with ExitStack() as stack:
        yield lambda script, **options: stack.enter_context(RawServer(script, **options))


@pytest.fixture
def server(serve: Callable[..., RecordingServer]) -> RecordingServer:
    """A server that echoes each request as JSON."""
    return serve()


@pytest.fixture
def https_server(serve_tls: Callable[..., RecordingServer]) -> RecordingServer:
    """The same over TLS, with a certificate signed by `ca`."""
    return serve_tls()


@pytest.fixture(scope="session")
def project() -> Path:
    """The directory that holds pyproject.toml."""
    return Path(__file__).resolve().parent.parent
