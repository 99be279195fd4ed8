"""What the codec makes of the bytes of one response, as a value: to compare one way of cutting them with another.

No test framework and no fuzzer is imported here, so that both can use it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import NamedTuple

from httpkit._wire import http11
from httpkit.exceptions import ChunkedEncodingError, MalformedResponse

METHODS = ("GET", "HEAD", "CONNECT", "POST")
LIMITS = (
    http11.DEFAULT_LIMITS,
    http11.Limits(line=40, head=120, fields=3, chunk_line=6, extensions=4, interim=1),
    http11.Limits(line=16, head=64, fields=2, chunk_line=2, extensions=0, interim=0),
)


class Outcome(NamedTuple):
    """Everything that a caller could see of one response, or the type of the error that ended it."""

    interim: list[tuple[object, ...]]
    head: tuple[object, ...] | None = None
    body: str | None = None
    content: bytes = b""
    trailers: list[tuple[str, str]] | None = None
    excess: bytes = b""
    error: type[Exception] | None = None


def seen(head: http11.Head) -> tuple[object, ...]:
    """All attributes of *head*."""
    return tuple(getattr(head, name) for name in http11.Head.__slots__)


def outcome(
    pieces: Iterable[bytes], method: str = "GET", limits: http11.Limits = http11.DEFAULT_LIMITS
) -> Outcome:
    """The response in *pieces*, after which the connection ends. Any error that is not the codec's escapes."""
    interim: list[tuple[object, ...]] = []
    reader = http11.HeadReader(limits, lambda head: interim.append(seen(head)))
    rest = iter(pieces)
    try:
        found = next((found for piece in rest if (found := reader.feed(piece)) is not None), None)
        if found is None:
            raise reader.at_eof()
        head, first = found
        body = http11.body_of(head, method, limits)
    except MalformedResponse:
        return Outcome(interim, error=MalformedResponse)
    # What is persistent must be decidable for every head.
    result = Outcome(interim, (*seen(head), http11.is_persistent(head)), type(body).__name__)
    try:
        content = b"".join(body.feed(piece) for piece in (first, *rest))
        body.eof()
    except ChunkedEncodingError:
        return result._replace(error=ChunkedEncodingError)
    if not body.done and not isinstance(body, http11.UntilCloseBody):
        raise AssertionError("the end was accepted, yet the body is not done")
    trailers = body.trailers if isinstance(body, http11.ChunkedBody) else None
    return result._replace(content=content, trailers=trailers, excess=body.excess)


def cut(data: bytes, steps: Iterable[int]) -> Iterator[bytes]:
    """*data* in pieces as long as *steps* say, one after the other; what is left over comes last."""
    position = 0
    for step in steps:
        if position >= len(data):
            return
        yield data[position : position + step]
        position += step
    if position < len(data):
        yield data[position:]


def check(case: bytes) -> None:
    """Raise AssertionError unless the codec treats the response in *case* alike however it is cut.

    The first byte of *case* chooses method and limits, the next one how many of the bytes after it are steps.
    """
    if len(case) < 2:
        return
    method, limits = METHODS[case[0] % 4], LIMITS[case[0] // 4 % 3]
    steps = [step % 64 + 1 for step in case[2 : 2 + case[1] % 32]]
    data = case[2 + len(steps) :]
    whole = outcome([data], method, limits)
    check_at_once(data, limits)
    for pieces in (list(cut(data, steps)), list(cut(data, [1] * len(data)))):
        other = outcome(pieces, method, limits)
        if other != whole:
            raise AssertionError(f"{other} for {pieces!r} but {whole} for the whole")


def check_at_once(data: bytes, limits: http11.Limits) -> None:
    """Raise AssertionError unless the short way to read a head gives what the long one gives, or leaves it to that,
    on a connection that has carried nothing yet, and on one that has carried the same before, or a part of it.
    """
    known: http11.KnownLines = {}
    for before in (b"", data, data.replace(b": ", b":\t", 1), data):
        with suppress(MalformedResponse):
            http11.head_at_once(before, limits, known)
        check_with_known(data, limits, known)


def check_with_known(data: bytes, limits: http11.Limits, known: http11.KnownLines) -> None:
    """The same for a connection on which *known* lines have come."""
    try:
        quick: object = http11.head_at_once(data, limits, known)
    except MalformedResponse:
        quick = MalformedResponse
    if quick is None:
        return
    try:
        slow: object = http11.HeadReader(limits).feed(data)
    except MalformedResponse:
        slow = MalformedResponse
    shown = [(seen(found[0]), found[1]) if isinstance(found, tuple) else found for found in (quick, slow)]
    if shown[0] != shown[1]:
        raise AssertionError(f"{shown[0]} at once but {shown[1]} by the reader, for {data!r}")
