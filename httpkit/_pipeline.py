"""The life of a call, without I/O.

Generators that say what happens next and are told how it went. They yield effects: `Send` (one exchange,
the only door out), `Read`, `RunHooks`, `Sleep`, `Hop` (a redirect's request, with all that a request gets) and
`Drain`. A session performs the effects; an asynchronous session would perform the same ones.

The order carries meaning. Cookies are kept from each response before anything else looks at it, so none is
lost on one that is followed by another request; retries are innermost, and hooks, by which auth answers
challenges, see the response that they end with; redirects are outermost.
"""

from __future__ import annotations

from collections.abc import Generator
from functools import partial
from http.cookiejar import CookieJar
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, Union, cast

from . import redirects
from .auth import AuthBase
from .cookies import _copy_cookie_jar, extract_cookies_to_jar, merge_cookies
from .exceptions import InvalidSchema, InvalidURL, RequestException
from .models import PreparedRequest, Response

if TYPE_CHECKING:
    from ._tries import Outcome, Persistence, Tries

__all__ = [
    "Drain",
    "Effect",
    "Hop",
    "Read",
    "RunHooks",
    "Send",
    "Sleep",
    "Steering",
    "exchange",
    "follow_redirects",
    "next_request",
]


class Send(NamedTuple):
    """Send *request* by the adapter that serves it."""

    request: PreparedRequest


class RunHooks(NamedTuple):
    """Let the hooks of *request* see, and perhaps replace, *response*."""

    request: PreparedRequest
    response: Response


class Hop(NamedTuple):
    """Send *request*, the next of a chain of redirects, and give back its response unfollowed."""

    request: PreparedRequest
    proxies: dict[str, str]


class Drain(NamedTuple):
    """Read *response* to its end and release its connection; where there are more than *most* bytes, close it."""

    response: Response
    most: int | None = None


class Read(NamedTuple):
    """Read the body of *response*, and keep it."""

    response: Response


class Sleep(NamedTuple):
    """Let *seconds* pass."""

    seconds: float


Effect = Union[Send, RunHooks, Hop, Drain, Read, Sleep]
Exchange = Generator[Effect, Response, Response]

#: Bytes of a response that is not wanted: beyond these, another connection is cheaper.
_WORTH_DRAINING = 65_536


class Steering(Protocol):
    """What a session decides about redirects. A subclass that overrides one of these steers every hop."""

    max_redirects: int
    redirects: redirects.RedirectPolicy
    secret_fields: Any

    @property
    def cookies(self) -> CookieJar: ...

    def get_redirect_target(self, resp: Response) -> str | None: ...
    def should_strip_auth(self, old_url: str, new_url: str) -> bool: ...
    def rebuild_method(self, prepared_request: PreparedRequest, response: Response) -> None: ...
    def rebuild_proxies(self, prepared_request: PreparedRequest, proxies: Any) -> dict[str, str]: ...
    def rebuild_auth(self, prepared_request: PreparedRequest, response: Response) -> None: ...


def exchange(request: PreparedRequest, jar: CookieJar, persistence: Persistence | None = None) -> Exchange:
    """One hop: send, as often as *persistence* says, keep cookies, run the hooks, keep the cookies of what they
    sent in between.
    """
    if persistence is not None:
        return (yield from _persist(request, jar, persistence))
    try:
        response = yield Send(request)
    except RequestException as error:
        _note_failure(error, (), request)
        raise
    _keep_cookies(jar, request, response)
    if request.hooks and request.hooks.get("response"):
        sent = response
        try:
            response = yield from _hooked(sent, request, jar)
        except RequestException as error:
            if _is_its_own(error, request):
                _note_failure(error, sent.attempts, error.request)
            raise
    return response


def _hooked(response: Response, request: PreparedRequest, jar: CookieJar) -> Exchange:
    sent = response
    response = yield RunHooks(request, response)
    if response is not sent:
        for earlier in response.history:
            _keep_cookies(jar, earlier.request, earlier)
        _keep_cookies(jar, request, response)
    return response


def _is_its_own(error: RequestException, request: PreparedRequest) -> bool:
    """True for an error of *request* as a hook has sent it again, and not of something else that the hook did."""
    sent = error.request
    return (
        error.response is None
        and error._tried is None
        and getattr(sent, "url", None) == request.url
        and getattr(sent, "method", None) == request.method
    )


def _note_failure(error: RequestException, before: tuple[Any, ...], request: Any) -> None:
    from ._tries import note_failure

    note_failure(error, before, request)


def _persist(request: PreparedRequest, jar: CookieJar, persistence: Persistence) -> Exchange:
    """One hop under a retry policy."""
    from ._tries import Tries

    tries = Tries(request, persistence)
    while True:
        outcome = yield from _try(tries, jar)
        tries.judge(outcome)
        if tries.delay is None and tries.error is None and _has_hooks(tries.request):
            answered = yield from _answered(tries, outcome, jar)
            if answered is not outcome:
                # Auth has sent it once more.
                outcome = answered
                tries.judge(outcome)
        if tries.delay is None and tries.error is None:
            return cast(Response, outcome)
        if tries.error is not None:
            error, tries.error = tries.error, None
            if not isinstance(outcome, RequestException) and not persistence.streams:
                # Whoever catches the error may want to see what the server said.
                yield from _read_in_spite(outcome)
            try:
                raise error
            finally:
                # Its traceback holds this frame.
                del error, outcome
        if not isinstance(outcome, RequestException):
            yield Drain(outcome, _WORTH_DRAINING)
        del outcome
        if tries.delay:
            yield Sleep(tries.delay)


def _has_hooks(request: PreparedRequest) -> bool:
    return bool(request.hooks and request.hooks.get("response"))


def _try(tries: Tries, jar: CookieJar) -> Generator[Effect, Response, Outcome]:
    """Send once: the response, its body read where the caller would not see the pieces anyway, or the error."""
    try:
        response = yield Send(tries.request)
        _keep_cookies(jar, tries.request, response)
        if tries.reads(response):
            yield Read(response)
    except RequestException as error:
        return error
    return response


def _answered(tries: Tries, outcome: Any, jar: CookieJar) -> Generator[Effect, Response, Outcome]:
    """What the hooks make of the response *outcome*."""
    try:
        return (yield from _hooked(outcome, tries.request, jar))
    except RequestException as error:
        if not _is_its_own(error, tries.request):
            raise
        return error


def _read_in_spite(response: Response) -> Generator[Effect, Response, None]:
    try:
        yield Read(response)
    except RequestException:
        pass


def _keep_cookies(jar: CookieJar, request: PreparedRequest, response: Response) -> None:
    # A hook may have put anything in the place of a response.
    raw = getattr(response, "raw", None)
    if raw is not None and getattr(raw, "sets_cookies", None) is not False:
        extract_cookies_to_jar(jar, request, raw)


def follow_redirects(
    response: Response, request: PreparedRequest, steering: Steering, proxies: Any
) -> Generator[Effect, Response, None]:
    """The hops after *response*, until one that is no redirect.

    A redirect that the session does not want followed ends them; its body has not been read. Raises TooManyRedirects
    for too many, and for a loop; it carries the last response with its history.
    """
    target = steering.get_redirect_target(response)
    if not target:
        return
    history: list[Response] = []
    sent = {redirects.state_of(request): 1}
    while target:
        response.history = history[:]
        if steering.redirects != "all" and not _is_wanted(response, request, target, steering, proxies):
            return
        history.append(response)
        yield Drain(response)
        if len(history) > steering.max_redirects:
            raise redirects.limit_passed(response, steering.max_redirects, target)
        request, proxies = next_request(response, request, target, steering, proxies)
        state = redirects.state_of(request)
        sent[state] = sent.get(state, 0) + 1
        if sent[state] > redirects.MOST_REPEATS and not callable(steering.redirects):
            raise redirects.loop_found(response, request)
        response = yield Hop(request, proxies)
        target = steering.get_redirect_target(response)


def _is_wanted(
    response: Response, request: PreparedRequest, target: str, steering: Steering, proxies: Any
) -> bool:
    """Whether the session wants *response*, a redirect to *target*, followed."""
    policy: Any = steering.redirects
    if not redirects.is_policy(policy):
        return True
    redirects.check_policy(policy)
    if policy == "none":
        return False
    try:
        if callable(policy):
            return bool(policy(response, _plan(response, request, target, steering, proxies)[0]))
        return redirects.is_followed(policy, request.url or "", redirects.next_url(response, request, target))
    except (InvalidSchema, InvalidURL):
        # Said when it is followed.
        return True
    except BaseException:
        response.close()
        raise


def next_request(
    response: Response, request: PreparedRequest, target: str, steering: Steering, proxies: Any
) -> tuple[PreparedRequest, dict[str, str]]:
    """The request that a redirect to *target* asks for, and the proxies for it.

    Derived from the request before it, so whatever a hop dropped stays dropped.
    """
    following, proxies = _plan(response, request, target, steering, proxies)
    redirects.rewind(following, response)
    return following, proxies


def _plan(
    response: Response, request: PreparedRequest, target: str, steering: Steering, proxies: Any
) -> tuple[PreparedRequest, dict[str, str]]:
    """The same, its body where the last hop left it."""
    following = request.copy()
    following.url = redirects.next_url(response, request, target)
    steering.rebuild_method(following, response)
    if response.status_code == 303 or following.method != request.method:
        redirects.drop_body(following)
    crossing = steering.should_strip_auth(request.url or "", following.url)
    if crossing:
        secret = redirects.SecretFields.of(steering.secret_fields)
        redirects.drop_credentials(following, partial(_belongs_to_auth, following._auth_hooks), secret)
    redirects.drop_spent_credentials(following)
    redirects.drop_referer(following, request.url or "")
    _carry_cookies(following, request, response, steering.cookies, crossing=crossing)
    proxies = steering.rebuild_proxies(following, proxies)
    steering.rebuild_auth(following, response)
    return following, proxies


def _belongs_to_auth(registered: tuple[object, ...], hook: object) -> bool:
    """True for a hook that auth has *registered*, and for any bound method of an auth handler: the credentials
    it would answer with belong to the first origin.
    """
    return hook in registered or isinstance(getattr(hook, "__self__", None), AuthBase)


def _carry_cookies(
    following: PreparedRequest,
    request: PreparedRequest,
    response: Response,
    jar: CookieJar,
    *,
    crossing: bool,
) -> None:
    """The Cookie field anew: the cookies of the session, and those of the call as long as its first origin
    lasts.
    """
    following.headers.pop("Cookie", None)
    if crossing:
        following._cookies = _copy_cookie_jar(jar)
    else:
        extract_cookies_to_jar(following._cookies, request, response.raw)
        merge_cookies(following._cookies, jar)
    following.prepare_cookies(following._cookies)
