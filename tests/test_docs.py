"""Every Python snippet of README.md and docs/ is run, against servers on loopback, and prints what the page says.

The convention, for those who write pages:

- The ```python blocks of one page run in order, in one namespace, in an empty directory that holds `report.csv` and
  `photo.png`.
- A block fenced as ```output directly below one holds what it prints; `...` stands for anything.
- A block that begins with `>>>` is a doctest.
- ```python notest: reason   is not run. Few should be; they are counted below.
- ```python needs: redis   is run where there is one, at `localhost:6379`.
- Snippets call the real names, so that readers can run them too: `https://httpbin.org` (all of httpbin) and
  `https://api.example.com`, which here is the small API below. Both answer over http as well, and a reader's own
  machine is `http://localhost:8000`, which echoes.
"""

from __future__ import annotations

import ast
import contextlib
import doctest
import io
import json
import re
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from tests.servers import Authority, Received, RecordingServer, RedisServer, Reply, UnixServer, wsgi
from tests.servers.guard import Network
from tests.servers.http import slowly

PROJECT = Path(__file__).resolve().parent.parent
PAGES = [
    path for path in [PROJECT / "README.md", *sorted((PROJECT / "docs").glob("**/*.md"))] if path.exists()
]
NOT_RUN_AT_MOST = 6
FENCE = re.compile(
    r"^(?P<indent> *)```(?P<info>[^\n`]*)\n(?P<body>.*?)^(?P=indent)```[ ]*$", re.MULTILINE | re.DOTALL
)


@dataclass(frozen=True)
class Block:
    """A fenced block: its info string, its text and the line of the page where the text begins."""

    info: str
    text: str
    line: int

    @property
    def language(self) -> str:
        return self.info.split()[0] if self.info else ""

    @property
    def not_run(self) -> str | None:
        """Why the block is not run; None when it is."""
        _, mark, reason = self.info.partition(" notest")
        return reason.lstrip(": ") if mark else None

    @property
    def needs(self) -> str | None:
        """What has to be there for the block to be run."""
        _, mark, name = self.info.partition(" needs: ")
        return name.strip() if mark else None


def blocks(text: str) -> list[Block]:
    """The fenced blocks of a Markdown page, in order."""
    found = []
    for match in FENCE.finditer(text):
        indent = len(match["indent"])
        body = "".join(
            line[indent:] if line.strip() else line for line in match["body"].splitlines(keepends=True)
        )
        found.append(Block(match["info"].strip(), body, text.count("\n", 0, match.start("body")) + 1))
    return found


def run_page(name: str, text: str, there: Collection[str] = ()) -> None:
    """Run the Python blocks of the page *text* in order, but for those that need what is not *there*.

    Raises what they raise, or AssertionError for other output.
    """
    namespace: dict[str, Any] = {"__name__": "__main__"}
    page = blocks(text)
    for block, below in zip(page, [*page, Block("", "", 0)][1:], strict=True):
        if block.language != "python" or block.not_run is not None:
            continue
        if block.needs is not None and block.needs not in there:
            continue
        if block.text.lstrip().startswith(">>>"):
            run_doctest(name, block, namespace)
            continue
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(compile("\n" * (block.line - 1) + block.text, name, "exec"), namespace)
        if below.language == "output":
            same = doctest.OutputChecker().check_output(below.text, printed.getvalue(), doctest.ELLIPSIS)
            assert same, f"{name}:{block.line} printed\n{printed.getvalue()}\nbut the page says\n{below.text}"


def run_doctest(name: str, block: Block, namespace: dict[str, Any]) -> None:
    test = doctest.DocTestParser().get_doctest(block.text, namespace, name, name, block.line - 1)
    report = io.StringIO()
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
    runner.run(test, out=report.write, clear_globs=False)
    namespace.update(test.globs)
    assert not runner.summarize(verbose=False).failed, report.getvalue()


class SmallAPI:
    """What `https://api.example.com` answers in the snippets.

    /items (GET with ?page=, POST), /items/N (GET PUT PATCH DELETE), /private (Basic user:pass, Bearer token, or
    X-API-Key: key), /flaky (503 twice, then 200), /login and /me (a cookie), /old (301 to /items), /download (100,000
    bytes), /lines (three lines of JSON), /slow (ten bytes, one each fifth of a second), /upload (the size of what
    came), /missing (404), /error (500).
    """

    def __init__(self) -> None:
        self.tries = 0

    def __call__(self, request: Received) -> Reply:
        name = request.path.strip("/").partition("/")[0]
        answer = getattr(self, f"on_{name}", None)
        return answer(request) if answer else Reply.json({"error": "not found"}, 404)

    def on_items(self, request: Received) -> Reply:
        number = request.path.partition("/items/")[2]
        if request.method == "DELETE":
            return Reply(204)
        if request.method in ("POST", "PUT", "PATCH"):
            given = request.json() if request.body else {}
            return Reply.json({"id": int(number or 3), **given}, 200 if number else 201)
        if number:
            return Reply.json({"id": int(number), "name": f"item {number}"})
        page = int(request.query.get("page", ["1"])[0])
        items = [{"id": n, "name": f"item {n}"} for n in (2 * page - 1, 2 * page)]
        return Reply.json(
            {"page": page, "items": items}, headers=[("Link", f'</items?page={page + 1}>; rel="next"')]
        )

    def on_private(self, request: Received) -> Reply:
        given = request.header("authorization") or request.header("x-api-key")
        if given in ("Basic dXNlcjpwYXNz", "Bearer token", "key"):
            return Reply.json({"user": "user"})
        return Reply.json({"error": "who are you?"}, 401, [("WWW-Authenticate", 'Basic realm="api"')])

    def on_flaky(self, request: Received) -> Reply:
        self.tries += 1
        return Reply.json({"tries": self.tries}, 200 if self.tries % 3 == 0 else 503)

    def on_login(self, request: Received) -> Reply:
        return Reply.json({"ok": True}, headers=[("Set-Cookie", "session=abc123; Path=/; HttpOnly")])

    def on_me(self, request: Received) -> Reply:
        return Reply.json({"session": request.cookies.get("session")})

    def on_old(self, request: Received) -> Reply:
        return Reply.redirect("/items", 301)

    def on_download(self, request: Received) -> Reply:
        return Reply(200, [("Content-Type", "application/octet-stream")], b"0123456789" * 10_000)

    def on_lines(self, request: Received) -> Reply:
        return Reply(200, [("Content-Type", "application/x-ndjson")], [b'{"n": %d}\n' % n for n in (1, 2, 3)])

    def on_slow(self, request: Received) -> Reply:
        return Reply(200, [("Content-Type", "text/plain")], slowly([b"."] * 10, 0.2))

    def on_upload(self, request: Received) -> Reply:
        return Reply.json({"bytes": len(request.body), "type": request.header("content-type")})

    def on_missing(self, request: Received) -> Reply:
        return Reply.json({"error": "not found"}, 404)

    def on_error(self, request: Received) -> Reply:
        return Reply.json({"error": "it is us, not you"}, 500)


@pytest.fixture
def daemon() -> Iterator[UnixServer]:
    """What listens at `/run/docker.sock` in the snippets. The name of `tmp_path` can be too long for a socket."""
    with (
        TemporaryDirectory() as place,
        UnixServer(f"{place}/A.sock", Reply.json({"Version": "28"})) as server,
    ):
        yield server


@pytest.fixture
def world(
    serve: Callable[..., RecordingServer],
    ca: Authority,
    dns: Network,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    daemon: UnixServer,
) -> None:
    """The internet as the pages know it, and the directory that they work in."""
    httpbin, api = wsgi(pytest.importorskip("httpbin").app), SmallAPI()
    for name, handler in (("httpbin.org", httpbin), ("api.example.com", api)):
        dns.route(name, 443, serve(handler, tls=ca.server_context(name)))
        dns.route(name, 80, serve(handler))
    # The pages send calls for api.example.com to 127.0.0.1, and to the socket of a daemon.
    dns.routes["127.0.0.1", 443] = dns.routes[dns.hosts["api.example.com"], 443]
    dns.routes["/run/docker.sock"] = daemon.path
    dns.hosts["localhost"] = "127.77.1.1"
    dns.routes["127.77.1.1", 8000] = ("127.0.0.1", serve().port)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", ca.file)
    monkeypatch.chdir(tmp_path)
    Path("report.csv").write_text("name,value\na,1\n")
    Path("photo.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(100))


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(PROJECT)))
@pytest.mark.usefixtures("world")
def test_the_snippets_do_what_the_page_says(page: Path, dns: Network) -> None:
    text = page.read_text(encoding="utf-8")
    with contextlib.ExitStack() as stack:
        there = {block.needs for block in blocks(text)} - {None}
        assert there <= {"redis"}
        if "redis" in there:
            if RedisServer.missing():
                there.clear()
            else:
                redis = stack.enter_context(RedisServer())
                dns.routes["127.77.1.1", 6379] = redis.host, redis.port
        run_page(str(page.relative_to(PROJECT)), text, there)


def test_snippets_that_are_not_run_are_few_and_have_a_reason() -> None:
    not_run = [
        (page.name, block.line, block.not_run)
        for page in PAGES
        for block in blocks(page.read_text(encoding="utf-8"))
        if block.not_run is not None
    ]
    assert all(reason for _, _, reason in not_run), not_run
    assert len(not_run) <= NOT_RUN_AT_MOST, not_run


def test_the_pages_have_snippets() -> None:
    """Guards the guard: a renamed page or a broken pattern must not make these tests empty."""
    assert {"index.md", "changelog.md", "reference.md"} <= {page.name for page in PAGES}
    assert any(
        block.language == "python" for page in PAGES for block in blocks(page.read_text(encoding="utf-8"))
    )


SECURITY = PROJECT / "docs" / "security.md"
CITED = re.compile(r"`(\w+/test_\w+\.py)::(test_\w+)`")
SOURCE = re.compile(r"\b(?:CWE-\d+|CVE-\d{4}-\d{4,}|GHSA(?:-\w{4}){3}|RFC \d{4}|WHATWG \w+)")
PROMISES = ["promise", "threat", "advisory or standard", "test"]


def promises(text: str) -> list[list[str]]:
    """The cells of each row below a heading of the columns `PROMISES`."""
    rows, inside = [], False
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")] if line.startswith("|") else []
        if cells == PROMISES:
            inside = True
        elif not cells:
            inside = False
        elif inside and not line.startswith("| ---"):
            rows.append(cells)
    return rows


def names_of_tests(path: Path) -> set[str]:
    """The names of the test functions of a file, those inside classes too; none of a file that is not there."""
    tree = ast.parse(path.read_text(encoding="utf-8") if path.exists() else "")
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


def test_every_promise_of_security_names_its_source_and_its_test() -> None:
    rows = promises(SECURITY.read_text(encoding="utf-8"))
    assert len(rows) > 20
    assert [
        row for row in rows if len(row) != 4 or not SOURCE.search(row[2]) or not CITED.search(row[3])
    ] == []


def test_every_promise_of_security_is_held_by_a_test_that_exists() -> None:
    known: dict[str, set[str]] = {}
    missing = []
    for _, _, _, held in promises(SECURITY.read_text(encoding="utf-8")):
        for file, name in CITED.findall(held):
            if name not in known.setdefault(file, names_of_tests(PROJECT / "tests" / file)):
                missing.append(f"{file}::{name}")
    assert missing == []


def test_the_sections_of_security_are_there_and_it_says_how_to_report() -> None:
    headings = re.findall(r"^## (.+)$", SECURITY.read_text(encoding="utf-8"), re.MULTILINE)
    sections = "Credentials Environment URLs Addresses Cookies TLS Injection Secrets Bounds"
    assert headings[:9] == sections.split()
    assert headings[-1] == "Reporting"


@pytest.mark.parametrize(
    "text, error",
    [
        ("```python\nx = 1\n```\nand\n```python\nprint(x)\n```\n```output\n2\n```\n", "but the page says"),
        ("```python\nprint(undefined)\n```\n", "undefined"),
        ("```python\n>>> 1 + 1\n3\n```\n", "Expected"),
        ("- a list\n\n  ```python\n  assert False, 'inside a list'\n  ```\n", "inside a list"),
    ],
    ids=["other output", "error", "doctest", "in a list"],
)
def test_a_wrong_page_fails(text: str, error: str) -> None:
    with pytest.raises((AssertionError, NameError), match=error):
        run_page("page", text)


def test_a_right_page_passes() -> None:
    run_page("page", "only prose")
    run_page(
        "page",
        "```python\nx = 1\n```\n```python\nprint(x, 'and', 'more')\n```\n```output\n1 and ...\n```\n"
        "```python\n>>> x + 1\n2\n>>> y = 5\n```\n```python\nassert y == 5\n```\n"
        "```python notest: needs a browser\nraise SystemExit\n```\n```json\nnot python\n```\n",
    )


def test_what_needs_something_is_run_where_that_is_there() -> None:
    page = "```python needs: redis\nraise LookupError\n```\n"
    run_page("page", page)
    with pytest.raises(LookupError):
        run_page("page", page, {"redis"})


def test_errors_in_a_snippet_point_at_the_line_of_the_page() -> None:
    with pytest.raises(ZeroDivisionError) as caught:
        run_page("page.md", "# Title\n\n```python\nx = 1\n1 / 0\n```\n")
    last = caught.traceback[-1]
    assert (str(last.path).endswith("page.md"), last.lineno + 1) == (True, 5)


def test_the_small_api_keeps_its_promises() -> None:
    api = SmallAPI()

    def ask(method: str, target: str, headers: tuple[tuple[str, str], ...] = (), body: bytes = b"") -> Reply:
        return api(Received(method, target, "HTTP/1.1", list(headers), b"", body))

    assert [ask("GET", "/flaky").status for _ in range(3)] == [503, 503, 200]
    assert ask("GET", "/private").status == 401
    assert ask("GET", "/private", (("X-API-Key", "key"),)).status == 200
    assert json.loads(ask("POST", "/items", body=b'{"name": "new"}').body) == {"id": 3, "name": "new"}
    assert ask("DELETE", "/items/3").status == 204
    assert ask("GET", "/nowhere").status == 404
