"""The comparison of costs: its tables and its stopwatch, with made-up figures. No test here asserts a time."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.benchmarks import compare, dripping, origin, works


class Ticks:
    """A clock that moves by what it is told."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def results() -> compare.Results:
    """Three rounds in which requests is disturbed once; http.client measures nothing but small GETs."""
    found = compare.Results(["http.client", "requests", "httpkit"])
    for own, reference in [(0.0001, 0.0005), (0.0001, 0.0010), (0.0003, 0.0006)]:
        found.add("small", "httpkit", own, own * 2)
        found.add("small", "requests", reference, reference * 2)
        found.add("small", "http.client", own / 2, own)
        found.add("memory", "httpkit", 2_000_000.0, 0.1)
        found.add("memory", "requests", 4_000_000.0, 0.1)
    return found


def rows(table: str) -> dict[str, list[str]]:
    """The cells of a Markdown table by the first cell of their line."""
    lines = [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()]
    assert len({len(line) for line in lines}) == 1
    return {first: rest for first, *rest in lines}


def test_costs_are_medians_in_the_unit_of_the_work(results: compare.Results) -> None:
    table = rows(compare.cost_table(results))
    assert table["GET of 200 bytes, kept-alive session, µs"] == ["50.0", "600", "100"]
    assert table["peak memory after small calls, MB"] == ["", "4.00", "2.00"]


def test_a_ratio_is_the_median_of_ratios_within_a_round(results: compare.Results) -> None:
    assert compare.ratio(results.costs, "small", "httpkit") == pytest.approx(0.2)
    assert compare.ratio(results.costs, "small", "requests") == 1
    assert compare.ratio(results.costs, "memory", "http.client") is None


def test_the_report_has_costs_and_both_ratios_and_no_wall_time_of_memory(results: compare.Results) -> None:
    facts, costs, ratios, walls = compare.report(results, "Facts.").strip().split("\n\n")
    assert facts == "Facts."
    assert "peak memory after small calls, MB" in rows(costs)
    assert rows(ratios)["peak memory after small calls"] == ["", "1.00", "0.50"]
    assert list(rows(walls)) == ["Wall time, requests = 1", "---", "GET of 200 bytes, kept-alive session"]


def test_a_library_without_any_figure_has_no_column() -> None:
    results = compare.Results(["pycurl", "requests"])
    results.add("small", "requests", 0.001, 0.001)
    assert rows(compare.cost_table(results))["CPU time per call"] == ["requests"]


@pytest.mark.parametrize(
    "value, expected", [(None, ""), (0.0084, "0.008"), (0.1, "0.10"), (12.34, "12.3"), (18066.4, "18,066")]
)
def test_figures_have_as_many_digits_as_mean_something(value: float | None, expected: str) -> None:
    assert compare.digits(value) == expected


def test_the_report_takes_the_place_of_the_one_before() -> None:
    page = f"# Title\n\n{compare.BEGIN}\nold\n{compare.END}\n\nThe end.\n"
    once = compare.with_report(page, "new\n")
    assert once == f"# Title\n\n{compare.BEGIN}\n\nnew\n\n{compare.END}\n\nThe end.\n"
    assert compare.with_report(once, "new\n") == once
    with pytest.raises(ValueError, match="measured: begin"):
        compare.with_report("# Title\n", "new\n")


def test_the_page_has_a_place_for_the_report() -> None:
    page = compare.ROOT / "docs" / "performance.md"
    assert compare.with_report(page.read_text(), "new\n").count("new\n") == 1


def test_the_best_batch_counts_by_each_clock() -> None:
    cpu, wall = Ticks(), Ticks()
    batches: list[int] = []
    slowness = iter([1, 3, 2, 4])  # the first is the call that finds out how many fit

    def run(times: int) -> None:
        batches.append(times)
        slow = next(slowness)
        cpu.now += times * 0.01 * slow
        wall.now += times * 0.05 * slow

    cost, seconds = works.measure(run, budget=1.0, batches=3, most=10, cpu=cpu, wall=wall)
    assert cost == pytest.approx(0.02)
    assert seconds == pytest.approx(0.1)
    assert batches == [1, 10, 10, 10], "20 calls fit into the budget, 10 are allowed"


def test_a_call_longer_than_the_budget_is_made_once_a_batch() -> None:
    clock = Ticks()

    def run(times: int) -> None:
        clock.now += 5 * times

    assert works.measure(run, budget=1.0, batches=1, most=10, cpu=clock, wall=clock) == (5, 5)


class Fake(works.Library):
    """A library that answers from memory."""

    made: list[Fake] = []

    def open(self) -> None:
        self.urls: list[str] = []
        Fake.made.append(self)

    def get(self, url: str) -> bytes:
        self.urls.append(url)
        return b"x" * 200


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> type[Fake]:
    monkeypatch.setattr(Fake, "made", [])
    monkeypatch.setitem(works.LIBRARIES, "fake", ("json", Fake))
    return Fake


AT = {"small": "http://localhost/small", "small size": "200"}


def test_a_work_makes_the_calls_it_is_told_to(fake: type[Fake]) -> None:
    run = works.batches_of("small", "fake", AT)
    run(5)
    assert fake.made[0].urls == [AT["small"]] * 6


@pytest.mark.parametrize("shared, libraries", [(True, 1), (False, 9)])
def test_threads_share_a_library_where_they_may(
    fake: type[Fake], monkeypatch: pytest.MonkeyPatch, shared: bool, libraries: int
) -> None:
    monkeypatch.setattr(fake, "one_for_threads", shared)
    works.batches_of("threads", "fake", AT)(16)
    assert len(fake.made) == libraries
    assert sum(len(one.urls) for one in fake.made) == 17


def test_a_thread_that_fails_fails_the_work() -> None:
    def fail() -> None:
        raise OSError("no")

    with pytest.raises(OSError, match="no"):
        works.side_by_side([fail, lambda: None])


@pytest.mark.parametrize("answer, size", [(b"", None), ("error page", "200"), (199, "200")])
def test_a_wrong_answer_is_no_measurement(answer: Any, size: str | None) -> None:
    with pytest.raises(AssertionError, match="long"):
        works.check(answer, size)


def test_every_library_can_do_every_work_that_it_does_not_lack() -> None:
    words = {"open", "get", "get_json", "post", "once", "stream", "upload"}
    for name, (_, speaker) in works.LIBRARIES.items():
        assert words <= set(dir(speaker)), name
        assert set(speaker.lacks) <= set(works.WORKS), name


def test_a_worker_imports_nothing_that_it_does_not_measure() -> None:
    directory = str(Path(works.__file__).parent)
    code = f"""
import sys
before = set(sys.modules)
sys.path.insert(1, {directory!r})
import works
print(*sorted(set(sys.modules) - before - {{"works", "__future__"}}))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, int]]:
    """The Python server, with a small file."""
    from tests.servers import Authority

    directory = tmp_path_factory.mktemp("origin")
    issued = Authority(directory).issue("localhost")
    Path(issued.cert_file).rename(directory / "cert.pem")
    Path(issued.key_file).rename(directory / "key.pem")
    (directory / "served").mkdir()
    (directory / "served" / "small").write_bytes(b"x" * 200)
    with origin.python_server(directory) as (http, https):
        yield {"http": http, "https": https}


def exchange(port: int, request: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(request)
        connection.shutdown(socket.SHUT_WR)
        with connection.makefile("rb") as answer:
            return answer.read()


@pytest.mark.parametrize(
    "body",
    [b"Content-Length: 3\r\n\r\nabc", b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"],
    ids=["length", "chunked"],
)
def test_the_server_reads_a_body_to_its_end_before_it_answers(served: dict[str, int], body: bytes) -> None:
    put = b"PUT /post HTTP/1.1\r\nHost: localhost\r\n" + body
    answer = exchange(served["http"], put + b"GET /small HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert answer.split(b"\r\n\r\n")[1].startswith(origin.OK)
    assert answer.endswith(b"x" * 200)
    assert answer.count(b"HTTP/1.1 200 OK") == 2


@pytest.mark.parametrize("work", ["small", "post"])
@pytest.mark.parametrize("library", ["raw socket", "http.client", "urllib3", "httpkit"])
def test_a_library_does_its_work(
    served: dict[str, int], monkeypatch: pytest.MonkeyPatch, library: str, work: str
) -> None:
    address = f"http://127.0.0.1:{served['http']}"
    at = {"small": f"{address}/small", "post": f"{address}/post", "small size": "200"}
    one = works.opened(library)
    monkeypatch.setattr(works, "opened", lambda name: one)
    works.batches_of(work, library, at)(2)
    for name in ("session", "connection", "pool"):
        kept = getattr(one, name, None)
        if kept is not None:
            (kept.clear if name == "pool" else kept.close)()


class TestDripping:
    @pytest.mark.parametrize(
        ("seconds", "error", "shown"),
        [
            (1.02, "ReadTimeout", "**1.0 s, `ReadTimeout`**"),
            (1.34, "ReadTimeout", "**1.3 s, `ReadTimeout`**"),
            (1.4, "ReadTimeout", "1.4 s, `ReadTimeout`"),
            (3.0, "", "3.0 s, no error"),
            (9.9, "ReadTimeout", "10 s and more"),
            (10.4, "", "10 s and more"),
        ],
    )
    def test_who_has_kept_its_word_is_bold(self, seconds: float, error: str, shown: str) -> None:
        assert dripping.cell(seconds, error, 10) == shown

    def test_each_setting_of_a_library_has_its_column(self) -> None:
        took = {"the body": (1.0, "TimeoutError")}
        found = {
            "httpkit": {"version": "1", "calls": {"a": took, "b": took}},
            "x": {"version": "2", "calls": {"c": took}},
        }
        head, _, row = dripping.table(found, 10).splitlines()
        assert head == "| slow is | httpkit 1, `a` | httpkit 1, `b` | x 2, `c` |"
        assert row == "| the body |" + " **1.0 s, `TimeoutError`** |" * 3

    def test_the_page_has_a_place_for_the_table(self) -> None:
        page = (dripping.ROOT / "docs" / "policies.md").read_text("utf-8")
        assert "\n\nnew\n\n" in dripping.written(page, "new\n")
        with pytest.raises(ValueError, match="measured: begin"):
            dripping.written("nothing", "new")
