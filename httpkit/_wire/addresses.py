"""Which addresses to try for a host, in which order and how: names, overrides of names, and racing attempts.

A name is looked up once for each new connection. Where it has several addresses they are tried in the order of RFC 8305
§4, families alternating, each a quarter of a second after the one before (§5), and the first to connect wins; every
other socket is closed. The time limit bounds the lookup and the attempts together. The lookup is the system's and
cannot be interrupted: it runs in a thread, which is left alone when the time is up. One address, the usual case, is
connected to without any of the rest.

`connect` is the only way out. A route with a guard is held to it there: the guard is asked about each address before it
is connected to, and about the peer of the socket before that is given away. The addresses that were looked up are those
that are connected to, so that a name which changes its answer gains nothing. No TLS, no HTTP and nothing of urllib3's
is known here.
"""

from __future__ import annotations

import errno
import os
import re
import selectors
import socket
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar, Union

from ..exceptions import AddressNotAllowed

if TYPE_CHECKING:
    from ..address_policy import AddressPolicy

from .deadlines import in_time

__all__ = [
    "ATTEMPT_DELAY",
    "Guarded",
    "NoConnection",
    "NoConnectionInTime",
    "Resolve",
    "Route",
    "checked",
    "connect",
    "interleaved",
    "is_ip_address",
]

#: Seconds between the beginnings of two attempts (RFC 8305 §5: 250 ms is recommended).
ATTEMPT_DELAY = 0.25

Addresses = Union[str, Sequence[str]]
Resolve = Union[Mapping[str, Addresses], Callable[[str, int], Union[Addresses, None]]]
#: Family, type, protocol and socket address, as `socket` takes them.
Address = tuple[int, int, int, Any]
Option = tuple[int, int, Union[int, bytes]]
Tried = tuple[tuple[str, OSError], ...]

_Failure = TypeVar("_Failure", bound="NoConnection")
# Not epoll, which would cost a descriptor of its own; select where a scheduler or the system has nothing else.
_Selector: Any = getattr(selectors, "PollSelector", selectors.SelectSelector)
_IN_PROGRESS = (errno.EINPROGRESS, getattr(errno, "WSAEWOULDBLOCK", errno.EINPROGRESS))
_NAMED_IN_ERRORS = 8
#: What nobody has to be asked about.
_NUMERIC = re.compile(r"[0-9.]+|[^:]*:.*")


class NoConnection(OSError):
    """None of several addresses could be connected to.

    `tried` holds each as text, with its error, in the order of failing. `errno` and `strerror` are those of all errors
    where they are alike.
    """

    tried: Tried = ()

    @classmethod
    def of(cls: type[_Failure], tried: Iterable[tuple[str, OSError]]) -> _Failure:
        """The error for these failures, of which there is at least one."""
        known = tuple(tried)
        last = known[-1][1]
        alike = len({error.errno for _, error in known}) == 1
        error = cls(last.errno, _reason(last) if alike else _listed(known))
        error.tried = known
        return error

    def __str__(self) -> str:
        return _listed(self.tried) if self.tried else super().__str__()


class Guarded(Exception):
    """An `AddressNotAllowed`, its one argument, on its way to the caller.

    The error itself is an OSError, and those are taken for failures of the network, which are worth another attempt.
    """


class NoConnectionInTime(NoConnection, TimeoutError):
    """The time was up before one of several addresses could be connected to."""


def _listed(tried: Tried) -> str:
    named = [f"{address}: {_reason(error)}" for address, error in tried[:_NAMED_IN_ERRORS]]
    if len(tried) > _NAMED_IN_ERRORS:
        named.append(f"and {len(tried) - _NAMED_IN_ERRORS} more")
    return "; ".join(named)


def _reason(error: OSError) -> str:
    return error.strerror or str(error)


@dataclass(frozen=True)
class Route:
    """Where connections go instead of where the name in the URL leads: to other addresses, or to a Unix socket.

    *guard* says to which addresses they go at all.
    """

    resolve: (
        Callable[[str, int], Addresses | None] | Mapping[tuple[str, int | None], tuple[str, ...]] | None
    ) = None
    uds: str | bytes | None = None
    guard: AddressPolicy | None = None

    @classmethod
    def of(
        cls,
        resolve: Resolve | None = None,
        uds: str | bytes | os.PathLike[str] | None = None,
        guard: AddressPolicy | None = None,
    ) -> Route | None:
        """The route that these arguments describe; None when all are None.

        *resolve* is a mapping from `"host:port"`, or `"host"` for every port, to an IP address or several, or a
        callable(host, port) that gives these, or None to look the name up as usual. *uds* is the path of a socket.
        Raises ValueError for *uds* with one of the others, for what is no IP address, and where there are no Unix
        sockets.
        """
        if uds is not None:
            if guard is not None:
                raise ValueError(
                    "uds= and allow_addresses= exclude each other: a Unix socket has no address to be checked"
                )
            if resolve is not None:
                raise ValueError(
                    "resolve= and uds= exclude each other: on a Unix socket no name is looked up"
                )
            if not hasattr(socket, "AF_UNIX"):
                raise ValueError("uds: this system has no Unix sockets")
            return cls(None, os.fspath(uds))
        if resolve is None and guard is None:
            return None
        return cls(_table(resolve) if isinstance(resolve, Mapping) else resolve, guard=guard)

    def override(self, host: str, port: int) -> Sequence[str] | None:
        """The addresses to use for *host* and *port*; None when they are to be looked up."""
        resolve = self.resolve
        if resolve is None:
            return None
        name = host.strip("[]").rstrip(".").lower()
        if isinstance(resolve, Mapping):
            return resolve.get((name, port)) or resolve.get((name, None))
        given = resolve(name, port)
        return None if given is None else _texts(given)

    def instead_of(self, host: str, port: int) -> str:
        """What to tell a proxy that looks names up by itself: the first address of the override, or *host*."""
        given = self.override(host, port)
        return given[0] if given else host


def _table(resolve: Mapping[str, Addresses]) -> dict[tuple[str, int | None], tuple[str, ...]]:
    table = {}
    for key, given in resolve.items():
        texts = _texts(given)
        wrong = [text for text in texts if not is_ip_address(text)]
        if wrong or not texts:
            what = f"{wrong[0][:80]!r} is no IP address" if wrong else "there is no address"
            raise ValueError(f"resolve[{key!r}]: {what}")
        table[_host_and_port(key)] = texts
    return table


def _host_and_port(key: str) -> tuple[str, int | None]:
    host, colon, digits = key.rpartition(":")
    if not colon or (key.count(":") > 1 and not host.endswith("]")):
        host, digits = key, ""  # no port, or a bare IPv6 address
    elif not (digits.isascii() and digits.isdigit() and 0 < int(digits) < 65536):
        raise ValueError(f"resolve[{key!r}]: the key is 'host:port', with a port from 1 to 65535, or 'host'")
    return host.strip("[]").rstrip(".").lower(), int(digits) if digits else None


def _texts(given: object) -> tuple[str, ...]:
    several = given if isinstance(given, (list, tuple)) else (given,)
    return tuple(str(one).strip("[]") for one in several)


def is_ip_address(text: str) -> bool:
    """True for an IPv4 or IPv6 address, be it in brackets or with a zone."""
    from ipaddress import ip_address

    try:
        ip_address(text.strip("[]").partition("%")[0])
    except ValueError:
        return False
    return True


# --- connecting


class _Manner(NamedTuple):
    """What is the same for every attempt."""

    timeout: float | None
    source_address: tuple[str, int] | None
    options: Iterable[Option]


def connect(
    host: str,
    port: int,
    *,
    timeout: float | None,
    source_address: tuple[str, int] | None = None,
    socket_options: Iterable[Option] | None = None,
    family: int = socket.AF_UNSPEC,
    route: Route | None = None,
    delay: float = ATTEMPT_DELAY,
    looked_up: Callable[[], object] | None = None,
) -> socket.socket:
    """A socket connected to *host*, a name or an address, at *port*, or to where *route* leads.

    *timeout* is in seconds, for the lookup and all attempts together, and is what the socket has afterwards; None is no
    limit. *looked_up* is called between the two.
    *source_address* and *socket_options* are for each attempt; on a Unix socket only options of `SOL_SOCKET` are set.
    *family* limits what a name may have. *delay* is the time between two attempts.

    Raises gaierror when there is no address, TimeoutError, and the OSError of the one attempt or a `NoConnection`;
    AddressNotAllowed when the guard of *route* lets none of the addresses pass.
    """
    manner = _Manner(timeout, source_address, socket_options or ())
    if route is not None and route.uds is not None:
        return _connect_to_path(route.uds, manner)
    began = time.monotonic()
    found = _candidates(host, port, family, route, timeout)
    if looked_up is not None:
        looked_up()
    guard = None if route is None else route.guard
    if guard is not None:
        found = _allowed(found, host, guard)
    left = None if timeout is None else began + timeout - time.monotonic()
    if left is not None and left <= 0:
        raise TimeoutError(errno.ETIMEDOUT, "no time was left after the lookup of the name")
    sock = _connect_to(found[0], manner, left) if len(found) == 1 else _race(found, manner, delay, left)
    if guard is not None:
        _check_peer(sock, host, guard)
    return sock


def checked(host: str, port: int, guard: AddressPolicy, timeout: float | None = None) -> str:
    """An address of *host* that *guard* allows, for somebody else to connect to.

    Raises gaierror when there is no address, AddressNotAllowed when there is none that is allowed, and TimeoutError
    when the lookup takes longer than *timeout* seconds.
    """
    return _shown(_allowed(_candidates(host, port, socket.AF_UNSPEC, None, timeout), host, guard)[0])


def _allowed(found: list[Address], host: str, guard: AddressPolicy) -> list[Address]:
    """Those that *guard* allows. Raises AddressNotAllowed, which names the first, when it allows none."""
    judged = [(address, guard.why_not(_shown(address))) for address in found]
    allowed = [address for address, why in judged if why is None]
    if not allowed:
        address, why = judged[0]
        raise AddressNotAllowed.of(host, _shown(address), str(why))
    return allowed


def _check_peer(sock: socket.socket, host: str, guard: AddressPolicy) -> None:
    """Raise AddressNotAllowed, the socket closed, when it is connected to what *guard* does not allow.

    That is no repetition: 0.0.0.0 is connected to 127.0.0.1, and programs put other functions in the socket module.
    """
    try:
        peer = str(sock.getpeername()[0])
        why = guard.why_not(peer)
        if why is not None:
            raise AddressNotAllowed.of(host, peer, why)
    except BaseException:
        sock.close()
        raise


def _candidates(
    host: str, port: int, family: int, route: Route | None, timeout: float | None
) -> list[Address]:
    given = None if route is None else route.override(host, port)
    if given is None:
        return interleaved(_looked_up_in_time(host.strip("[]"), port, family, timeout))
    found: list[Address] = []
    for text in given:
        if not is_ip_address(text):
            raise socket.gaierror(socket.EAI_NONAME, f"resolve= gave {text[:80]!r}, which is no IP address")
        found += _looked_up(text, port, socket.AF_UNSPEC)
    if not found:
        raise socket.gaierror(socket.EAI_NONAME, "resolve= gave no address")
    return found


def _looked_up_in_time(host: str, port: int, family: int, timeout: float | None) -> list[Address]:
    if timeout is None or _NUMERIC.fullmatch(host):
        return _looked_up(host, port, family)
    # Two that ask the same of the same resolver get the same answer.
    key = (socket.getaddrinfo, host, port, family)
    return in_time(lambda: _looked_up(host, port, family), timeout, key=key)


def _looked_up(host: str, port: int, family: int) -> list[Address]:
    found = socket.getaddrinfo(host, port, family, socket.SOCK_STREAM)
    if not found:
        raise socket.gaierror(socket.EAI_NONAME, "the lookup gave no address")
    return [(family, kind, protocol, address) for family, kind, protocol, _, address in found]


def interleaved(found: list[Address]) -> list[Address]:
    """*found*, each once, in the order given, but for families: they alternate, from the first one's (RFC 8305 §4)."""
    if len(found) == 1:
        return found
    found = list(dict.fromkeys(found))
    first = found[0][0]
    preferred = [address for address in found if address[0] == first]
    others = [address for address in found if address[0] != first]
    return [address for pair in zip_longest(preferred, others) for address in pair if address is not None]


def _connect_to(address: Address, manner: _Manner, left: float | None) -> socket.socket:
    sock = _opened(address, manner, left)
    try:
        sock.connect(address[3])
        sock.settimeout(manner.timeout)
    except BaseException:
        sock.close()
        raise
    return sock


def _opened(address: Address, manner: _Manner, timeout: float | None) -> socket.socket:
    family, kind, protocol, _ = address
    sock = socket.socket(family, kind, protocol)
    try:
        for option in manner.options:
            sock.setsockopt(*option)
        sock.settimeout(timeout)
        if manner.source_address:
            _bind(sock, manner.source_address)
    except BaseException:
        sock.close()
        raise
    return sock


def _bind(sock: socket.socket, source_address: tuple[str, int]) -> None:
    try:
        sock.bind(source_address)
    except socket.gaierror as error:
        # Elsewhere this error says that the server's name has no address.
        why = f"cannot send from {source_address[0]}: {_reason(error)}"
        raise OSError(errno.EADDRNOTAVAIL, why) from error


def _connect_to_path(path: str | bytes, manner: _Manner) -> socket.socket:
    own = tuple(option for option in manner.options if option[0] == socket.SOL_SOCKET)
    address = (socket.AF_UNIX, socket.SOCK_STREAM, 0, path)
    try:
        return _connect_to(address, _Manner(manner.timeout, None, own), manner.timeout)
    except TimeoutError:
        raise
    except OSError as error:
        # The system does not say which path.
        named = os.fsdecode(path).replace("\0", "@", 1)
        raise OSError(error.errno, _reason(error), named) from error


# --- several addresses


class _Race:
    """Attempts that run at the same time. Whoever begins one closes the race, which closes the attempts."""

    def __init__(self, addresses: list[Address], manner: _Manner) -> None:
        self.waiting = deque(addresses)
        self.failed: list[tuple[str, OSError]] = []
        self._manner = manner
        self._running = _Selector()

    @property
    def is_undecided(self) -> bool:
        return bool(self.waiting or self._running.get_map())

    def begin(self) -> socket.socket | None:
        """Begin the next attempt; its socket when it is connected at once."""
        address = self.waiting.popleft()
        try:
            sock = _opened(address, self._manner, 0.0)
        except OSError as error:
            self.failed.append((_shown(address), error))
            return None
        self._running.register(sock, selectors.EVENT_WRITE, address)
        return self._settled(sock, address, sock.connect_ex(address[3]))

    def wait(self, seconds: float | None) -> socket.socket | None:
        """Wait until an attempt ends, or for *seconds*; the socket of one that is connected."""
        for key, _ in self._running.select(seconds):
            sock = key.fileobj
            error = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            if self._settled(sock, key.data, error) is not None:
                return sock  # type: ignore[no-any-return]  # what `begin` has registered
        return None

    def _settled(self, sock: socket.socket, address: Address, error: int) -> socket.socket | None:
        if error in _IN_PROGRESS:
            return None
        self._running.unregister(sock)
        if not error:
            sock.settimeout(self._manner.timeout)
            return sock
        sock.close()
        self.failed.append((_shown(address), OSError(error, os.strerror(error))))
        return None

    def outcome(self) -> NoConnection:
        """The error for a race that nobody has won."""
        late = [key.data for key in self._running.get_map().values()] or list(self.waiting)[:1]
        if not late:
            return NoConnection.of(self.failed)
        overdue = TimeoutError(errno.ETIMEDOUT, "no answer in time")
        return NoConnectionInTime.of([*self.failed, *((_shown(address), overdue) for address in late)])

    def close(self) -> None:
        for key in list(self._running.get_map().values()):
            key.fileobj.close()
        self._running.close()


def _race(addresses: list[Address], manner: _Manner, delay: float, left: float | None) -> socket.socket:
    """The socket of the first of *addresses* to connect within *left* seconds, the attempts beginning *delay* seconds
    apart.

    One that fails lets the next begin at once.
    """
    race = _Race(addresses, manner)
    begins = time.monotonic()
    ends = None if left is None else begins + left
    try:
        while race.is_undecided:
            now = time.monotonic()
            if ends is not None and now >= ends:
                break
            failures = len(race.failed)
            if race.waiting and now >= begins:
                winner = race.begin()
                begins = now + delay
            else:
                winner = race.wait(_until(now, ends, begins if race.waiting else None))
            if winner is not None:
                return winner
            if len(race.failed) > failures:
                begins = now
        error = race.outcome()
    finally:
        race.close()
    raise error from error.tried[-1][1]


def _until(now: float, *moments: float | None) -> float | None:
    """Seconds to the first of these *moments*; None when there is none."""
    known = [moment for moment in moments if moment is not None]
    return max(0.0, min(known) - now) if known else None


def _shown(address: Address) -> str:
    return str(address[3][0])
