"""The command line: one call, its body on standard output, its outcome as an exit status.

Reading arguments, writing files and messages live here; what a call does is the session's. Both messages of an exchange
are shown as the adapter sends and receives them, so those of a redirect or a challenge are seen as well, and secrets in
them are hidden.

Exit status: 0 the server answered; 1 it answered 4xx or 5xx and `--fail` was given; 2 what was asked for makes no
request; 3 the call failed. Interrupted it is 130, and 141 when nobody reads standard output any more, as a shell counts
signals.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import stat
import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from getpass import getpass
from typing import IO, TYPE_CHECKING, Any, NoReturn

from .__version__ import __version__
from ._message import fields, secrets, urls
from .adapters import HTTPAdapter
from .exceptions import HTTPError, InvalidProxyURL, RequestException
from .models import Request
from .sessions import Session
from .timeouts import Timeout

if TYPE_CHECKING:
    from .models import PreparedRequest, Response

__all__ = ["main"]

FAILED_STATUS, BAD_USAGE, FAILED_CALL, INTERRUPTED, NOBODY_READS = 1, 2, 3, 130, 141

_CHUNK = 64 * 1024
_LONGEST_MESSAGE = 500

_EPILOG = """\
DATA and JSON are text, @FILE for the content of a file, or - for standard input.
`httpkit tour` shows what the library does, with a small server of its own.

exit status: 0 answered, 1 answered 4xx or 5xx with --fail, 2 bad usage, 3 the call failed
"""


class BadUsageError(Exception):
    """What was asked for makes no request. The message says why."""


class StandardOutputClosedError(Exception):
    """Whoever read standard output has gone."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command with *argv*, by default that of the process, and give back its exit status."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    try:
        if arguments[:1] == ["tour"]:
            return _tour(arguments[1:])
        return _run(_parser().parse_args(arguments))
    except SystemExit as done:  # argparse has said what was wrong, or printed what was asked for
        return done.code if isinstance(done.code, int) else 0
    except (BadUsageError, InvalidProxyURL) as error:
        return _complain(error, BAD_USAGE)
    except HTTPError as error:
        return _complain(error, FAILED_STATUS)
    except RequestException as error:
        return _complain(error, FAILED_CALL)
    except StandardOutputClosedError:
        return NOBODY_READS
    except KeyboardInterrupt:
        return INTERRUPTED


def _tour(rest: list[str]) -> int:
    if rest:
        raise BadUsageError("`httpkit tour` takes no arguments")
    from . import _tour

    return _tour.main()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="httpkit",
        description="Send one HTTP request; the body of the response goes to standard output.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("url", metavar="URL", help="where to, with its scheme: https://example.com/")
    parser.add_argument("-V", "--version", action="version", version=f"httpkit {__version__}")
    _add_request(parser.add_argument_group("request"))
    _add_call(parser.add_argument_group("call"))
    _add_output(parser.add_argument_group("output"))
    return parser


def _add_request(group: Any) -> None:
    group.add_argument(
        "-X", "--request", metavar="METHOD", help="by default GET, or POST when there is a body"
    )
    group.add_argument(
        "-H",
        "--header",
        metavar="'NAME: VALUE'",
        action="append",
        default=[],
        help="a field to send, repeatable; 'Name:' leaves out one that is sent by default",
    )
    body = group.add_mutually_exclusive_group()
    body.add_argument("--json", metavar="JSON", help="send JSON, checked before it is sent")
    body.add_argument(
        "-d",
        "--data",
        metavar="DATA",
        action="append",
        help="send text as form data, several joined by &; a file or standard input as it is",
    )
    group.add_argument(
        "--auth", metavar="USER[:PASSWORD]", help="Basic credentials; asks for a password that is not given"
    )


def _add_call(group: Any) -> None:
    group.add_argument("-L", "--location", action="store_true", help="follow redirects")
    group.add_argument(
        "--timeout",
        metavar="SECONDS",
        help="to connect and between receives, or CONNECT,READ; by default 10,60",
    )
    group.add_argument(
        "--proxy", metavar="URL", help="send through this proxy, whatever the environment says"
    )
    group.add_argument(
        "--cacert",
        metavar="FILE",
        help="verify certificates by this bundle or directory, or by those of the 'system'",
    )
    group.add_argument("-k", "--insecure", action="store_true", help="do not verify certificates")


def _add_output(group: Any) -> None:
    group.add_argument(
        "--explain", action="store_true", help="send nothing; show each setting and where it comes from"
    )
    group.add_argument("-o", "--output", metavar="FILE", help="write the body to FILE once it is complete")
    group.add_argument(
        "--fail", action="store_true", help="for a 4xx or 5xx write no body and exit with status 1"
    )
    group.add_argument(
        "-v", "--verbose", action="store_true", help="show both messages on standard error, secrets hidden"
    )


# --- the call


def _run(options: argparse.Namespace) -> int:
    with ExitStack() as stack:
        session = stack.enter_context(Session())
        if options.explain:
            print(_explanation(session, options))
            return 0
        if options.verbose:
            narrator = Narrator()
            for scheme in ("https://", "http://"):
                session.mount(scheme, narrator)
        target = _output_path(options.output)
        prepared, settings = _prepare(session, options, stack)
        if options.insecure:
            # Said on the command line a moment ago: no need to be warned of it.
            stack.enter_context(warnings.catch_warnings())
            warnings.filterwarnings("ignore", message="Unverified HTTPS request")
        response = stack.enter_context(session.send(prepared, **settings))
        if options.fail:
            response.raise_for_status()
        if target is None:
            _write_to_standard_output(response)
        else:
            _write_to_file(response, target)
    return 0


def _prepare(
    session: Session, options: argparse.Namespace, stack: ExitStack
) -> tuple[PreparedRequest, dict[str, Any]]:
    """The request and the settings to send it with. Raises BadUsageError for what cannot be sent."""
    body, content_type = _body(options, stack)
    headers = _headers(options.header)
    if content_type and not any(name.lower() == "content-type" for name in headers):
        headers["Content-Type"] = content_type
    method = options.request or ("GET" if body is None else "POST")
    proxies = {"http": options.proxy, "https": options.proxy} if options.proxy else {}
    verify = False if options.insecure else options.cacert
    if verify and verify != "system" and not os.path.exists(verify):
        raise BadUsageError(f"--cacert {verify}: there is no such file or directory")
    request = Request(method, options.url, headers=headers, data=body, auth=_credentials(options.auth))
    try:
        prepared = session.prepare_request(request)
        session.get_adapter(prepared.url or "")
        settings = session.merge_environment_settings(prepared.url or "", proxies, True, verify, None)
        if options.timeout is not None:
            settings["timeout"] = _timeout(options.timeout)
    except (RequestException, ValueError) as error:
        raise BadUsageError(str(error)) from error
    return prepared, {**settings, "allow_redirects": options.location}


def _explanation(session: Session, options: argparse.Namespace) -> str:
    body = options.json is not None or options.data is not None
    settings: dict[str, Any] = {
        "headers": _headers(options.header),
        "auth": None if options.auth is None else (options.auth.partition(":")[0], ""),
        "proxies": {"http": options.proxy, "https": options.proxy} if options.proxy else None,
        "verify": False if options.insecure else options.cacert,
        "allow_redirects": options.location,
    }
    try:
        if options.timeout is not None:
            settings["timeout"] = _timeout(options.timeout)
        return str(session.explain(options.url, options.request or ("POST" if body else "GET"), **settings))
    except (RequestException, ValueError) as error:
        raise BadUsageError(str(error)) from error


def _headers(lines: list[str]) -> dict[str, str | None]:
    """Fields by name, repeats joined as RFC 9110 §5.3 allows; None leaves out what would be sent by default."""
    found: dict[str, str | None] = {}
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon or not name.strip():
            raise BadUsageError(f"-H {line[:80]!r}: write a field as 'Name: value'")
        name, value = name.strip(), value.strip()
        earlier = found.get(name)
        found[name] = f"{earlier}, {value}" if earlier and value else value or None
    return found


def _body(options: argparse.Namespace, stack: ExitStack) -> tuple[Any, str | None]:
    """What to send, and its Content-Type where the library would not know it."""
    if options.json is not None:
        return _json(options.json, stack), "application/json"
    given: list[str] | None = options.data
    if given is None:
        return None, None
    if len(given) == 1 and _is_file(given[0]):
        return _open(given[0], stack), None
    if any(_is_file(one) for one in given):
        raise BadUsageError("-d: a file is the whole body and cannot be joined with more data")
    return "&".join(given).encode(), "application/x-www-form-urlencoded"


def _json(given: str, stack: ExitStack) -> bytes:
    content = b"".join(_open(given, stack)) if _is_file(given) else given.encode()
    try:
        json.loads(content, parse_constant=_no_json)
    except ValueError as error:
        raise BadUsageError(f"--json: this is no JSON: {error}") from error
    return content


def _no_json(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not in RFC 8259")


def _is_file(given: str) -> bool:
    return given == "-" or given.startswith("@")


def _open(given: str, stack: ExitStack) -> Any:
    """The file named by `@FILE`, or standard input for `-`. What cannot seek is read as a stream of unknown length."""
    if given == "-":
        stdin = sys.stdin.buffer
        return stdin if stdin.seekable() else Stream(stdin)
    path = given[1:]
    try:
        return stack.enter_context(open(path, "rb"))
    except OSError as error:
        raise BadUsageError(f"cannot read {path!r}: {error.strerror}") from error


class Stream:
    """A pipe as an iterable of bytes, which is sent chunk by chunk as it comes."""

    def __init__(self, pipe: IO[bytes]) -> None:
        self._pipe = pipe

    def __iter__(self) -> Iterator[bytes]:
        read = getattr(self._pipe, "read1", self._pipe.read)
        while piece := read(_CHUNK):
            yield piece


def _credentials(given: str | None) -> tuple[str, str] | None:
    if given is None:
        return None
    user, colon, password = given.partition(":")
    if colon:
        return user, password
    if not sys.stdin.isatty():
        raise BadUsageError(
            f"--auth {user}: no password, and no terminal to ask for it; write {user}:PASSWORD"
        )
    return user, getpass(f"Password for {user}: ")


def _timeout(given: str) -> Timeout:
    limits = [float(limit) for limit in given.split(",")]
    return Timeout.of(tuple(limits) if len(limits) > 1 else limits[0])


# --- what is shown


class Narrator(HTTPAdapter):
    """An adapter that shows each request and response on standard error, also those in between."""

    def send(self, request: PreparedRequest, *args: Any, **kwargs: Any) -> Response:
        """Show *request*, send it, show what came."""
        target = secrets.hide_in_url(request.path_url)
        _show(">", f"{request.method} {target} HTTP/1.1", _sent_fields(request))
        response = super().send(request, *args, **kwargs)
        version = {10: "HTTP/1.0", 11: "HTTP/1.1"}.get(getattr(response.raw, "version", 11), "HTTP/2")
        status = f"{version} {response.status_code} {response.reason or ''}".rstrip()
        _show("<", status, list(response.headers.multi_items()))
        return response


def _sent_fields(request: PreparedRequest) -> list[tuple[str, Any]]:
    """The fields of *request* after the Host field, which is made from its URL on the way."""
    given = list(request.headers.multi_items())
    if "Host" in request.headers:
        return given
    return [("Host", urls.parse(request.url or "").host_field), *given]


def _show(mark: str, first: str, pairs: list[tuple[str, Any]]) -> None:
    lines = [first]
    for name, value in pairs:
        text = value.decode("latin-1") if isinstance(value, bytes) else str(value)
        lines.append(f"{name}: {fields.redact_field(name, text)}")
    for line in lines:
        print(mark, _printable(line), file=sys.stderr)
    print(mark, file=sys.stderr, flush=True)


def _printable(text: str) -> str:
    """*text* without what a terminal would obey."""
    return text if text.isprintable() else text.encode("unicode_escape").decode("ascii")


def _complain(error: Exception, status: int) -> int:
    """Say in one line what is wrong."""
    text = " ".join(str(error).split()) or type(error).__name__
    print(f"httpkit: {_printable(text)[:_LONGEST_MESSAGE]}", file=sys.stderr)
    return status


# --- where the body goes


def _write_to_standard_output(response: Response) -> None:
    output = sys.stdout.buffer
    for piece in response.iter_content(_CHUNK):
        try:
            output.write(piece)
            output.flush()
        except BrokenPipeError as error:
            # The interpreter flushes again at exit, and would complain there.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise StandardOutputClosedError from error
        except OSError as error:
            raise RequestException(f"cannot write to standard output: {error.strerror}") from error


def _output_path(given: str | None) -> str | None:
    """The file to write, links followed; None for standard output. Raises BadUsageError where no file can be."""
    if given is None or given == "-":
        return None
    path = os.path.realpath(given)
    if os.path.isdir(path):
        raise BadUsageError(f"-o {given}: this is a directory")
    if not os.path.isdir(os.path.dirname(path)):
        raise BadUsageError(f"-o {given}: there is no directory {os.path.dirname(path)!r}")
    return path


def _write_to_file(response: Response, path: str) -> None:
    try:
        with _replacing(path) as file:
            for piece in response.iter_content(_CHUNK):
                file.write(piece)
    except RequestException:
        raise
    except OSError as error:
        raise RequestException(f"cannot write {path!r}: {error.strerror or error}") from error


@contextmanager
def _replacing(path: str) -> Iterator[IO[bytes]]:
    """A file that takes the place of *path* when all of it was written; before that, *path* is as it was.

    A device or a pipe has no content to replace and is written to directly.
    """
    if os.path.exists(path) and not stat.S_ISREG(os.stat(path).st_mode):
        with open(path, "wb") as direct:
            yield direct
        return
    part = os.path.join(os.path.dirname(path), f".{os.path.basename(path)[:200]}.{os.getpid()}.part")
    file = open(part, "xb")  # noqa: SIM115  # closed below, before it is renamed
    try:
        with file:
            yield file
        if os.path.exists(path):
            shutil.copymode(path, part)
        os.replace(part, path)
    except BaseException:
        os.unlink(part)
        raise
