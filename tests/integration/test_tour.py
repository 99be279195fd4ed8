"""The tour, as a newcomer runs it: from anywhere, behind any proxy settings, without internet."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from httpkit import _tour

EXPECTED = {
    "GET": [
        "server received GET /hello HTTP/1.1",
        "200 text/plain; charset=utf-8",
        "Hello from this machine.",
    ],
    "Parameters": ["server received GET /echo?q=late+trains&line=4&line=7 HTTP/1.1"],
    "JSON": ["Content-Type: application/json", '"late":', "server answered 201 Created", "{'id': 1,"],
    "Auth": ["Authorization: Signature ***", "server answered 401 Unauthorized", "server answered 200 OK"],
    "adapter": ["Host: warehouse.test", "    warehouse.test\n    Warehouse\n    HTTPAdapter\n"],
    "Retries": ["server answered 503 Service Unavailable", "{'attempt': 3} [503, 503, 200]"],
    "Timeouts": ["server received GET /silent HTTP/1.1", "server answered nothing", "    ReadTimeout\n"],
}


def take(project: Path, directory: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-X", "dev", "-W", "error", "-m", "httpkit", "tour"],
        capture_output=True,
        text=True,
        timeout=30,
        cwd=directory,
        check=False,
        env={**os.environ, "PYTHONPATH": str(project), **environment},
    )


def sections(output: str) -> list[str]:
    """The text of each step, with what its calls gave."""
    return re.split(r"^\d+\. ", output, flags=re.MULTILINE)[1:]


@pytest.mark.parametrize(
    "environment",
    [
        {},
        {
            "http_proxy": "http://127.0.0.1:1",
            "HTTP_PROXY": "http://127.0.0.1:1",
            "ALL_PROXY": "socks5://127.0.0.1:1",
            "no_proxy": "elsewhere.example",
            "REQUESTS_CA_BUNDLE": "/missing",
            "PYTHONIOENCODING": "ascii",
        },
    ],
    ids=["plain", "with proxies that do not exist"],
)
def test_every_step_shows_what_was_sent_and_what_came(
    environment: dict[str, str], project: Path, tmp_path: Path
) -> None:
    done = take(project, tmp_path, **environment)
    assert (done.returncode, done.stderr) == (0, "")
    shown = sections(done.stdout)
    assert len(shown) == len(_tour.STEPS) == len(EXPECTED)
    for (topic, results), step, text in zip(EXPECTED.items(), _tour.STEPS, shown, strict=True):
        assert topic in text.partition("\n")[0]
        assert "".join(f"    {line}".rstrip() + "\n" for line in step.code.splitlines()) in text
        for result in results:
            assert result in text.partition(step.code.splitlines()[-1])[2], topic
    assert f"{len(EXPECTED)} of {len(EXPECTED)} steps gave what they should." in done.stdout


def test_the_flaky_server_was_asked_three_times(project: Path, tmp_path: Path) -> None:
    retries = sections(take(project, tmp_path).stdout)[5]
    assert retries.count("server received GET /flaky") == 3
    assert retries.count("server answered 503") == 2


def test_a_step_that_gives_anything_else_fails_the_tour(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    steps = [
        _tour.Step("right", "print(1 + 1)\n", "2\n"),
        _tour.Step("wrong", "print(1 + 1)\n", "3\n"),
        _tour.Step("broken", "1 / 0\n", ""),
    ]
    monkeypatch.setattr(_tour, "STEPS", steps)
    assert _tour.main() == 1
    shown = capsys.readouterr().out
    assert "1 of 3 steps" in shown
    assert shown.count("FAILED") == 2
    assert "ZeroDivisionError" in shown


def test_nothing_of_the_tour_stays_behind(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("no_proxy", "mine.example")
    before = threading.enumerate()
    assert _tour.main() == 0
    assert os.environ["no_proxy"] == "mine.example"
    assert threading.enumerate() == before
    capsys.readouterr()
