"""What editors and type checkers see of the public names, held by mypy and pyright on the samples beside this file."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
PROJECT = HERE.parent.parent
pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


def mypy(*files: Path) -> set[tuple[str, int, str]]:
    """The errors that mypy --strict reports, as (file name, line, message)."""
    if importlib.util.find_spec("mypy") is None:
        pytest.skip("mypy is not installed")
    command = [
        sys.executable,
        "-m",
        "mypy",
        "--strict",
        "--python-version=3.10",
        f"--config-file={os.devnull}",
    ]
    command += [
        "--no-error-summary",
        "--hide-error-context",
        "--no-pretty",
        f"--cache-dir={PROJECT / '.mypy_cache'}",
    ]
    found = subprocess.run(
        [*command, *map(str, files)], capture_output=True, text=True, cwd=PROJECT, check=False
    )
    assert found.returncode in (0, 1), found.stdout + found.stderr
    lines = (re.match(r"(.+?):(\d+): error: (.*)", line) for line in found.stdout.splitlines())
    return {(Path(line[1]).name, int(line[2]), line[3]) for line in lines if line}


def pyright(*files: Path) -> set[tuple[str, int, str]]:
    """The errors that pyright reports, as (file name, line, message)."""
    if importlib.util.find_spec("pyright") is None:
        pytest.skip("pyright is not installed")
    command = [sys.executable, "-m", "pyright", "--outputjson", "--pythonversion=3.10"]
    found = subprocess.run(
        [*command, *map(str, files)], capture_output=True, text=True, cwd=PROJECT, check=False
    )
    assert found.returncode in (0, 1), found.stdout + found.stderr
    problems = json.loads(found.stdout)["generalDiagnostics"]
    return {
        (Path(problem["file"]).name, problem["range"]["start"]["line"] + 1, problem["message"])
        for problem in problems
        if problem["severity"] == "error"
    }


@pytest.mark.parametrize("checker", [mypy, pyright])
def test_type_checkers_accept_good_programs_and_find_mistakes(
    checker: Callable[..., set[tuple[str, int, str]]],
) -> None:
    found = checker(HERE / "accepted.py", HERE / "rejected.py")
    marked = {
        number
        for number, line in enumerate((HERE / "rejected.py").read_text().splitlines(), 1)
        if "# error:" in line
    }
    assert [error for error in found if error[0] == "accepted.py"] == []
    reported = {line: message for file, line, message in found if file == "rejected.py"}
    assert {line: message for line, message in reported.items() if line not in marked} == {}
    assert marked - reported.keys() == set(), "marked as errors, and accepted"
    assert len(marked) > 15
