"""Who keeps `timeout=1` against servers that are slow without ever being silent: measured, and printed as a table.

    python tests/benchmarks/dripping.py [httpkit] [requests=/path/to/python] [niquests=/path/to/python] ...
                                        [--seconds S] [--write docs/policies.md]

A peer is named with the interpreter that has it installed; without one, this interpreter is used (niquests wants an
environment of its own). Everything happens on loopback: this process runs the servers, a process for each peer makes
one call after the other and takes the time of each, and all peers do so side by side. A server sends a byte every 0.4
seconds, or takes 0.4 seconds for each hop of a chain of redirects; after `--seconds` (10 by default) it gives up, so a
call that lasts as long would have lasted for ever. `--write` puts the table into a page, between its two marks.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib
import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"
PERIOD = 0.4
#: What is added to the limit before a call counts as one that has outlasted it.
TOLERANCE = 0.35


# --- the calling side


def by_requests(name: str, timeout: Any, url: str, data: Any) -> None:
    library = importlib.import_module(name)
    library.request("POST" if data else "GET", url, timeout=timeout, data=data)


def by_httpkit(url: str, data: Any) -> None:
    from httpkit.timeouts import Timeout

    by_requests("httpkit", Timeout(total=1), url, data)


def by_httpx(url: str, data: Any) -> None:
    import httpx  # type: ignore[import-not-found,unused-ignore]  # in an environment of its own

    with httpx.Client(follow_redirects=True) as client:
        client.request("POST" if data else "GET", url, timeout=1, content=data)


def by_aiohttp(url: str, data: Any) -> None:
    import aiohttp  # type: ignore[import-not-found,unused-ignore]

    async def call() -> None:
        timeout = aiohttp.ClientTimeout(total=1)
        async with (
            aiohttp.ClientSession(timeout=timeout) as session,
            session.request("POST" if data else "GET", url, data=data) as answer,
        ):
            await answer.read()

    asyncio.run(call())


#: What is called, as the table says it, for each library.
CALLS: dict[str, dict[str, Callable[[str, Any], None]]] = {
    "httpkit": {"timeout=Timeout(total=1)": by_httpkit, "timeout=1": partial(by_requests, "httpkit", 1)},
    "requests": {"timeout=1": partial(by_requests, "requests", 1)},
    "httpx": {"timeout=1": by_httpx},
    "niquests": {"timeout=1": partial(by_requests, "niquests", 1)},
    "aiohttp": {"ClientTimeout(total=1)": by_aiohttp},
}
UPLOAD = 64 * 1024 * 1024


def act(library: str, version_of: str, rows: Mapping[str, str], warm: str) -> None:
    """Make the calls, and print how long each took and what became of it."""
    from importlib import metadata

    module = importlib.import_module(library)
    try:
        version = metadata.version(version_of)
    except metadata.PackageNotFoundError:
        version = module.__version__
    outcome: dict[str, Any] = {"version": version, "calls": {}}
    for setting, call in CALLS[library].items():
        call(warm, None)
        took = {}
        for row, url in rows.items():
            began = time.monotonic()
            try:
                call(url, bytes(UPLOAD) if "upload" in row else None)
                error = ""
            except Exception as raised:
                error = type(raised).__name__
            took[row] = (time.monotonic() - began, error)
        outcome["calls"][setting] = took
    print(json.dumps(outcome))


# --- the serving side


@contextmanager
def servers(seconds: float) -> Iterator[tuple[dict[str, str], str]]:
    """URLs of the rows, and of a server that answers at once."""
    from tests.servers import READ_REQUEST, Drip, RawServer, RecordingServer, Reply

    count = int(seconds / PERIOD)
    sized = b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n"
    chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    scripts: dict[str, list[Any]] = {
        "the status line": [Drip((b"HTTP/1.1 200 " + b"O" * 1000)[:count], delay=PERIOD)],
        "the fields": [b"HTTP/1.1 200 OK\r\n", Drip((b"X-A: " + b"a" * 1000)[:count], delay=PERIOD)],
        "the body": [sized, Drip(b"b" * count, delay=PERIOD)],
        "a chunk": [chunked + b"400\r\n", Drip(b"c" * count, delay=PERIOD)],
        "the trailer": [chunked + b"0\r\n", Drip((b"X-A: " + b"a" * 1000)[:count], delay=PERIOD)],
    }

    def hop(request: Any) -> Reply:
        time.sleep(PERIOD)
        number = int(request.target[1:] or 0) + 1
        return Reply.redirect(f"/{number}") if number < count else Reply()

    def sip(peer: Any) -> None:
        ends = time.monotonic() + seconds
        while time.monotonic() < ends and peer.recv(65536):
            time.sleep(PERIOD / 20)

    with ExitStack() as stack:
        urls = {
            row: stack.enter_context(RawServer([READ_REQUEST, *script])).url
            for row, script in scripts.items()
        }
        urls["each hop of many redirects"] = stack.enter_context(RecordingServer(hop)).url
        urls["taking a large upload"] = stack.enter_context(RawServer(sip)).url
        yield urls, stack.enter_context(RecordingServer()).url


def measure(given: str, rows: Mapping[str, str], warm: str) -> Any:
    """What the process of one peer has found."""
    name, _, python = given.partition("=")
    code = (
        f"import sys; sys.path[1:1] = [{str(Path(__file__).parent)!r}]; import dripping; "
        "dripping.act(*__import__('json').loads(sys.argv[1]))"
    )
    run = subprocess.run(
        [python or sys.executable, "-c", code, json.dumps([name, name, rows, warm])],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if run.returncode:
        raise RuntimeError(f"{given}: {run.stderr[-2000:]}")
    return json.loads(run.stdout)


def cell(seconds: float, error: str, most: float) -> str:
    """How long a call lasted, and what it raised; bold where it has kept its word."""
    how = error or "no error"
    if seconds >= most * 0.9:
        return f"{most:.0f} s and more"
    text = f"{seconds:.1f} s, `{how}`" if error else f"{seconds:.1f} s, {how}"
    return f"**{text}**" if seconds <= 1 + TOLERANCE else text


def table(found: Mapping[str, Any], most: float) -> str:
    """The table of what was found by each library, in Markdown."""
    columns = [
        (f"{name} {outcome['version']}, `{setting}`", took)
        for name, outcome in found.items()
        for setting, took in outcome["calls"].items()
    ]
    lines = [
        "| slow is | " + " | ".join(title for title, _ in columns) + " |",
        "| --- |" + " --- |" * len(columns),
    ]
    for row in columns[0][1]:
        lines.append(f"| {row} | " + " | ".join(cell(*took[row], most) for _, took in columns) + " |")
    return "\n".join(lines) + "\n"


def written(page: str, text: str) -> str:
    """*page* with *text* between its two marks. Raises ValueError when it has none."""
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"the page has no {BEGIN} ... {END} for the table to go between")
    return f"{before}{BEGIN}\n\n{text}\n{END}{after}"


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("peers", nargs="*", default=["httpkit"], metavar="LIBRARY[=PYTHON]")
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--write", type=Path)
    given = parser.parse_args(arguments)
    sys.path.insert(0, str(ROOT))
    found: dict[str, Any] = {}
    with servers(given.seconds) as (rows, warm):

        def ask(peer: str) -> None:
            found[peer] = measure(peer, rows, warm)

        threads = [threading.Thread(target=ask, args=(peer,)) for peer in given.peers]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    text = table({peer.partition("=")[0]: found[peer] for peer in given.peers}, given.seconds)
    print(text)
    if given.write is not None:
        given.write.write_text(written(given.write.read_text("utf-8"), text), "utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
