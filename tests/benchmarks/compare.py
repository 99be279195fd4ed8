"""What a call costs with httpkit and with its peers, measured side by side.

    python tests/benchmarks/compare.py [--rounds N] [--quick] [--only WORK ...] [--against LIBRARY ...]
                                       [--write docs/performance.md] [--envs DIRECTORY]
    python tests/benchmarks/compare.py --profile LIBRARY --only WORK ...

The works and the libraries are two tables in `works.py`. Everything happens on loopback: `origin.py` starts the server,
a process of its own makes the calls for each library, work and round, and the libraries take turns round by round, so
that a busy minute hits them all. What counts is CPU time of that process per call, the best of a few batches; the
tables show medians over the rounds, and medians of the ratios to requests in the same round. `--write` puts them into
a page, between its two marks.

The peers live in virtual environments in ~/.cache/httpkit-benchmarks, which are made on first use, and again when a
pin below changes; niquests has its own, because it replaces urllib3. httpkit is this tree. This interpreter needs the
`test` extra, for the certificates.
"""

from __future__ import annotations

import argparse
import datetime as dt
import hashlib
import os
import platform
import ssl
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.benchmarks import origin
from tests.benchmarks.works import LIBRARIES, WORKS

ROOT = Path(__file__).resolve().parents[2]
CACHE = Path("~/.cache/httpkit-benchmarks").expanduser()
REFERENCE = "requests"
# What each environment must have, and what it has where it can be had.
PINS = {
    "peers": (["requests==2.34.2", "urllib3==2.8.0", "httpx"], ["pycurl", "aiohttp"]),
    "niquests": (["niquests"], []),
}
ENVIRONMENT_OF = {"niquests": "niquests"}
KEPT = ("PATH", "LANG", "LC_ALL", "TMPDIR", "LD_LIBRARY_PATH", "SYSTEMROOT")
BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"
SCALE = {"µs": 1e6, "ms": 1e3, "MB": 1e-6}
WORKER = (
    f"import sys; sys.path.insert(1, {str(Path(__file__).parent)!r}); import works; works.main(sys.argv[1:])"
)
VERSION = """
import sys
from importlib import import_module, metadata
import_module(sys.argv[1])
try:
    print(metadata.version(sys.argv[1]))
except metadata.PackageNotFoundError:
    print(getattr(sys.modules[sys.argv[1]], "__version__", ""))
"""


# --- environments and processes


def environment(group: str, cache: Path) -> str:
    """The interpreter of the virtual environment of *group*, which is made if it is not there."""
    required, optional = PINS[group]
    key = hashlib.sha256(repr((sys.version, required, optional)).encode()).hexdigest()[:8]
    directory = cache / f"{group}-{platform.python_version()}-{key}"
    python, ready = directory / "bin" / "python", directory / "ready"
    if not ready.exists():
        print(f"making {directory}", file=sys.stderr)
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(directory)], check=True)
        install = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*install, *required], check=True)
        for name in optional:
            if subprocess.run([*install, "--only-binary", ":all:", name], check=False).returncode:
                print(f"{name} cannot be had here: its column stays empty", file=sys.stderr)
        ready.touch()
    return str(python)


def clean_environment(home: str) -> dict[str, str]:
    """The environment of a worker: no proxies, authorities or netrc of this machine's; bytecode is kept."""
    return {name: os.environ[name] for name in KEPT if name in os.environ} | {"HOME": home}


@dataclass
class Bench:
    """Where workers run: the interpreter of each library, the addresses of the server, a directory to be in."""

    directory: Path
    at: Mapping[str, str]
    pythons: Mapping[str, str]
    budget: float
    batches: int

    def _run(self, library: str, code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        own = {"PYTHONPATH": str(ROOT)} if library == "httpkit" else {}
        return subprocess.run(
            [self.pythons[library], "-c", code, *arguments],
            cwd=self.directory,
            env=clean_environment(str(self.directory)) | own,
            capture_output=True,
            text=True,
            check=False,
        )

    def version(self, library: str) -> str | None:
        """The version of *library*, '' if it has none of its own, None when it cannot be imported."""
        done = self._run(library, VERSION, LIBRARIES[library][0])
        return None if done.returncode else done.stdout.strip()

    def work(self, library: str, work: str, *, batches: int | None = None) -> str:
        """What the worker printed."""
        given = {**self.at, "started": str(time.monotonic())}
        count = self.batches if batches is None else batches
        pairs = [f"{name}={value}" for name, value in given.items()]
        done = self._run(library, WORKER, library, work, str(self.budget), str(count), *pairs)
        if done.returncode:
            raise RuntimeError(f"{library}, {work}:\n{done.stderr}")
        return done.stdout


# --- results


@dataclass
class Results:
    """The costs and the seconds that were measured: by work and library, a figure for each round."""

    libraries: Sequence[str]
    costs: dict[tuple[str, str], list[float]] = field(default_factory=dict)
    seconds: dict[tuple[str, str], list[float]] = field(default_factory=dict)

    def add(self, work: str, library: str, cost: float, seconds: float) -> None:
        self.costs.setdefault((work, library), []).append(cost)
        self.seconds.setdefault((work, library), []).append(seconds)

    def works(self) -> list[str]:
        return list(dict.fromkeys(work for work, _ in self.costs))


def ratio(figures: Mapping[tuple[str, str], list[float]], work: str, library: str) -> float | None:
    """The median over the rounds of *library*'s figure by the reference's in the same round."""
    own, reference = figures.get((work, library)), figures.get((work, REFERENCE))
    if not own or not reference:
        return None
    return statistics.median(a / b for a, b in zip(own, reference, strict=True))


def digits(value: float | None) -> str:
    """*value* with three digits, or more where it is larger, and a comma between thousands; '' for None."""
    if value is None:
        return ""
    places = 0 if value >= 100 else 1 if value >= 10 else 2 if value >= 0.095 else 3
    return f"{value:,.{places}f}"


def table(first: str, columns: Sequence[str], rows: Iterable[tuple[str, Sequence[str]]]) -> str:
    """A Markdown table; columns that are empty in all rows are left out."""
    lines = list(rows)
    kept = [n for n in range(len(columns)) if any(cells[n] for _, cells in lines)]
    shown = [(first, columns), ("---", ["---:"] * len(columns)), *lines]
    return "\n".join("| " + " | ".join([title, *(cells[n] for n in kept)]) + " |" for title, cells in shown)


def cost_table(results: Results) -> str:
    rows = []
    for work in results.works():
        figures = [results.costs.get((work, library)) for library in results.libraries]
        scale = SCALE[WORKS[work].unit]
        cells = [digits(statistics.median(found) * scale if found else None) for found in figures]
        rows.append((f"{WORKS[work].title}, {WORKS[work].unit}", cells))
    return table("CPU time per call", results.libraries, rows)


def ratio_table(
    title: str, results: Results, figures: Mapping[tuple[str, str], list[float]], works: Iterable[str]
) -> str:
    rows = [
        (WORKS[work].title, [digits(ratio(figures, work, library)) for library in results.libraries])
        for work in works
    ]
    return table(title, results.libraries, rows)


def report(results: Results, facts: str) -> str:
    """What the page shows: costs, their ratios, and the ratios of wall time."""
    timed = [work for work in results.works() if WORKS[work].unit != "MB"]
    parts = [
        facts,
        cost_table(results),
        ratio_table(f"CPU time, {REFERENCE} = 1", results, results.costs, results.works()),
        ratio_table(f"Wall time, {REFERENCE} = 1", results, results.seconds, timed),
    ]
    return "\n\n".join(parts) + "\n"


def with_report(page: str, text: str) -> str:
    """*page* with *text* between its marks; ValueError when they are not there."""
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"the page has no {BEGIN} ... {END} for the tables to go between")
    return f"{before}{BEGIN}\n\n{text}\n{END}{after}"


def machine() -> str:
    """Processor, how many of them, system."""
    model = platform.processor() or platform.machine()
    try:
        with open("/proc/cpuinfo") as lines:
            model = next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        pass
    return f"{model}, {os.cpu_count()} processors, {platform.system()}"


def facts(server: str, versions: Mapping[str, str], rounds: int) -> str:
    """When, where, with what: a paragraph."""
    numbered = ", ".join(f"{library} {version}" for library, version in versions.items() if version)
    today = dt.datetime.now(dt.timezone.utc).date()
    python = f"{platform.python_implementation()} {platform.python_version()}"
    return (
        f"Measured on {today}, rounds: {rounds}. {python}, {ssl.OPENSSL_VERSION}, {server}; {numbered}.\n"
        f"{machine()}."
    )


# --- the run


def in_turns(bench: Bench, works: Sequence[str], libraries: Sequence[str], rounds: int) -> Results:
    """Measure all, round by round; each round begins with another library."""
    results = Results(libraries)
    for turn in range(rounds):
        shift = turn % len(libraries)
        for work in works:
            for library in [*libraries[shift:], *libraries[:shift]]:
                if work not in LIBRARIES[library][1].lacks:
                    cost, seconds = bench.work(library, work).split()
                    results.add(work, library, float(cost), float(seconds))
        print(f"round {turn + 1} of {rounds} done", file=sys.stderr)
    return results


def options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Compare the costs of httpkit and its peers.")
    parser.add_argument("--rounds", type=int, help="how often each library has its turn (7; 1 with --quick)")
    parser.add_argument("--quick", action="store_true", help="short batches: enough to see that all works")
    parser.add_argument("--only", nargs="+", choices=list(WORKS), metavar="WORK", help=", ".join(WORKS))
    parser.add_argument(
        "--against", nargs="*", choices=list(LIBRARIES), metavar="LIBRARY", help=", ".join(LIBRARIES)
    )
    parser.add_argument("--write", type=Path, metavar="PAGE", help="the page to put the tables into")
    parser.add_argument("--envs", type=Path, default=CACHE, help="where the environments are kept")
    parser.add_argument("--profile", choices=list(LIBRARIES), metavar="LIBRARY", help="show where time goes")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str]) -> None:
    given = options(arguments)
    works = given.only or list(WORKS)
    wanted = {given.profile} if given.profile else {"httpkit", REFERENCE, *(given.against or ())}
    libraries = [
        name for name in LIBRARIES if name in wanted or (given.against is None and not given.profile)
    ]
    rounds = given.rounds or (1 if given.quick else 7)
    groups = {name: ENVIRONMENT_OF.get(name, "peers") for name in libraries}
    made = {group: environment(group, given.envs) for group in set(groups.values())}
    pythons = {name: made[group] for name, group in groups.items()}
    with tempfile.TemporaryDirectory() as name, origin.serving(Path(name)) as at:
        directory = Path(name, "home")
        directory.mkdir()
        bench = Bench(directory, at, pythons, *((0.03, 2) if given.quick else (0.15, 5)))
        if given.profile:
            print_profiles(bench, given.profile, works)
            return
        found = {library: bench.version(library) for library in libraries}
        versions = {library: version for library, version in found.items() if version is not None}
        in_turns(bench, [work for work in works if work in ("start", "import")], list(versions), 1)
        results = in_turns(bench, works, list(versions), rounds)
        text = report(results, facts(at["server"], versions, rounds))
    print(text)
    if given.write:
        given.write.write_text(with_report(given.write.read_text(), text))


def print_profiles(bench: Bench, library: str, works: Sequence[str]) -> None:
    """Profile those *works* that are calls, one after the other: the profiler sees one thread."""
    for work in works:
        kind = WORKS[work]
        if kind.call is not None and not kind.threads and work not in LIBRARIES[library][1].lacks:
            print(f"{library}: {kind.title}")
            print(bench.work(library, work, batches=0))


if __name__ == "__main__":
    main(sys.argv[1:])
