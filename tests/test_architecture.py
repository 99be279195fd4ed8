"""The house keeps its plan: imports go down, and each deed is done in its own room only.

Nothing is imported here. Every module is parsed, and every import counts, those under TYPE_CHECKING and inside
functions too. A room may import rooms of rows further up in FLOORS (lower floors) and none of its own row, so that no
import can be circular. The one skylight: `exceptions` may name requests, responses and attempts for typing.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

# From the ground up. The number is the floor of the plan; a letter splits a floor whose rooms build on each other.
FLOORS: list[tuple[str, str]] = [
    ("0a", "_message.secrets"),
    ("0b", "__version__ _late _types exceptions hooks structures"),
    (
        "1a",
        (
            "_defaults address_policy _message.credentials _message.dates _message.grammar _message.lines _wire.heads "
            "_wire.probing status_codes stores timeouts"
        ),
    ),
    (
        "1b",
        "_bounds _message.fields _message.set_cookie _message.typed _message.urls _wire.deadlines _wire.framing",
    ),
    ("1c", "_downloads _wire.certificates tlsconfig"),
    (
        "2a",
        (
            "_cookie_policy _curl _digest _message.charsets _message.multipart _message.quotas _proxies "
            "_wire.addresses _wire.http11 breakers ratelimits retries"
        ),
    ),
    ("2b", "_environment _message.bodies _wire.decoding _wire.errors _wire.sending _wire.tls cookies"),
    ("2c", "_wire.response"),
    ("3", "_wire.connections models"),
    ("4", "_compat _gates _wire.pools auth redirects"),
    ("5a", "_tries adapters"),
    ("5b", "_pipeline"),
    ("6a", "_settings unix"),
    ("6b", "_explain"),
    ("7", "sessions"),
    ("8a", "_forwarding _help _tour api"),
    ("8b", "_cli"),
    ("9a", "__main__ _alias certs"),
    ("9b", "_internal_utils compat help packages utils"),
    ("9c", "__init__"),
]

SKYLIGHT = {
    ("exceptions", "models"): {"PreparedRequest", "Request", "Response"},
    ("exceptions", "retries"): {"Attempt"},
}
REEXPORTING = ["_internal_utils", "certs", "compat", "help", "packages", "utils"]

# Who may import what of urllib3, by the longest prefix that fits.
URLLIB3 = {
    "urllib3": ["_wire", "adapters", "_alias", "packages", "compat", "help"],
    "urllib3.util": ["_wire", "adapters", "_alias", "packages", "_types", "timeouts", "retries"],
    "urllib3.exceptions": ["_wire", "adapters", "_alias", "packages", "exceptions"],
    "urllib3.connection": ["_wire"],
    "urllib3.connectionpool": ["_wire"],
    "urllib3.contrib": ["_wire"],
    "urllib3.poolmanager": ["_wire"],
    "urllib3.response": ["_wire"],
}
POOLS_BY_THEIR_SHORT_NAMES = {
    "HTTPConnectionPool",
    "HTTPSConnectionPool",
    "HTTPResponse",
    "PoolManager",
    "ProxyManager",
    "connection_from_url",
    "proxy_from_url",
}
LATE_FLOORS = (
    "0",
    "1",
    "2",
)  # rooms that a program pays for always: they import urllib3 inside functions, if at all


@dataclass(frozen=True)
class Import:
    """One imported thing: *name* of *module*, at *line*; *late* when inside a function."""

    module: str
    name: str | None
    line: int
    late: bool
    typing_only: bool

    @property
    def full(self) -> str:
        return f"{self.module}.{self.name}" if self.name else self.module


@dataclass
class Room:
    """A module of the package: *name* relative to it, '__init__' for the package's own."""

    name: str
    path: Path
    tree: ast.Module

    @property
    def is_package(self) -> bool:
        return self.path.name == "__init__.py"


def read_rooms(package: Path) -> list[Room]:
    """Every module below the directory *package*."""
    rooms = []
    for path in sorted(package.rglob("*.py")):
        parts = path.relative_to(package).with_suffix("").parts
        name = ".".join(parts if len(parts) == 1 or parts[-1] != "__init__" else parts[:-1])
        rooms.append(Room(name, path, ast.parse(path.read_text(encoding="utf-8"), str(path))))
    return rooms


def imports(room: Room, package: str) -> Iterator[Import]:
    """Every import in *room*, relative ones resolved, calls of `import_module` and `__import__` with a literal too."""
    for node, late, typing_only in walk(room.tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(alias.name, None, node.lineno, late, typing_only)
        elif isinstance(node, ast.ImportFrom):
            module = absolute(room, package, node.level, node.module)
            for alias in node.names:
                yield Import(module, alias.name, node.lineno, late, typing_only)
        elif isinstance(node, ast.Call) and (text := dynamic(node)):
            level = len(text) - len(text.lstrip("."))
            yield Import(absolute(room, package, level, text[level:]), None, node.lineno, late, typing_only)


def walk(
    tree: ast.AST, late: bool = False, typing_only: bool = False
) -> Iterator[tuple[ast.AST, bool, bool]]:
    for child in ast.iter_child_nodes(tree):
        inside = late or isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda))
        typed = typing_only or (isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test))
        yield child, inside, typed
        yield from walk(child, inside, typed)


def dynamic(node: ast.Call) -> str:
    """The literal module name that a call of `import_module` or `__import__` is given, or ''."""
    name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
    if name not in ("import_module", "__import__") or not node.args:
        return ""
    value = node.args[0].value if isinstance(node.args[0], ast.Constant) else ""
    return value if isinstance(value, str) else ""


def absolute(room: Room, package: str, level: int, module: str | None) -> str:
    if not level:
        return module or ""
    parts = [package, *([] if room.name == "__init__" else room.name.split("."))]
    if not room.is_package or room.name == "__init__":
        parts = parts[:-1] if room.name != "__init__" else parts
    parts = parts[: len(parts) - (level - 1)]
    return ".".join([*parts, module] if module else parts)


def rooms_imported(room: Room, package: str, known: set[str]) -> Iterator[tuple[str, Import]]:
    """The rooms of *package* that *room* imports, by their names in *known*."""
    for found in imports(room, package):
        for full in (found.full, found.module):
            if full == package:
                yield "__init__", found
                break
            if full.startswith(package + ".") and (name := full[len(package) + 1 :]) in known:
                yield name, found
                break
        else:
            if found.module.startswith(package + "."):
                yield found.module[len(package) + 1 :], found


def upward(rooms: list[Room], floors: list[tuple[str, str]], package: str = "httpkit") -> list[str]:
    """What breaks the first law: imports that do not go down, and rooms that have no floor."""
    rank = {name: number for number, (_, names) in enumerate(floors) for name in names.split()}
    label = {name: floor for floor, names in floors for name in names.split()}
    known = {room.name for room in rooms} | set(rank)
    problems = []
    for room in rooms:
        if room.name not in rank and not is_corridor(room):
            problems.append(f"{room.path.name}: {room.name} is on no floor: give it a floor in FLOORS")
            continue
        for target, found in rooms_imported(room, package, known):
            if found.name in SKYLIGHT.get((room.name, target), ()) and found.typing_only:
                continue
            if is_corridor(room):
                problems.append(f"{room.name}:{found.line}: the __init__ of an inner package imports nothing")
            elif target not in rank:
                problems.append(
                    f"{room.name}:{found.line} imports {target}, which is on no floor: give it a floor"
                )
            elif rank[target] >= rank[room.name]:
                way = "sideways" if rank[target] == rank[room.name] else "upward"
                where = f"floor {label[room.name]} to {label[target]}"
                problems.append(f"{room.name}:{found.line} imports {target}: {way}, {where}")
    return list(dict.fromkeys(problems))


def is_corridor(room: Room) -> bool:
    """Whether *room* is the __init__ of an inner package, which only says what the package is."""
    return room.is_package and room.name != "__init__"


def allowed(room: Room, names: list[str]) -> bool:
    return any(room.name == name or room.name.startswith(name + ".") for name in names)


def environment_readers(rooms: list[Room]) -> list[str]:
    """Where the environment, netrc or the system's proxies are read outside `_environment`."""
    readers = {
        "os": {"environ", "environb", "getenv", "getenvb"},
        "urllib.request": {"getproxies", "proxy_bypass"},
    }
    problems = []
    for room in rooms:
        if room.name == "_environment":
            continue
        for found in imports(room, "httpkit"):
            attributes = readers.get(found.module, ())
            if found.module == "netrc" or any((found.name or "").startswith(name) for name in attributes):
                problems.append(f"{room.name}:{found.line} imports {found.full}: only _environment does")
        for node in ast.walk(room.tree):
            attributes = readers.get(ast.unparse(node.value), ()) if isinstance(node, ast.Attribute) else ()
            if any(node.attr.startswith(name) for name in attributes):
                problems.append(f"{room.name}:{node.lineno} uses {ast.unparse(node)}: only _environment does")
    return problems


def importers_of_pools(rooms: list[Room]) -> list[str]:
    """Where urllib3 is imported by a room that has no business with that part of it."""
    problems = []
    for room in rooms:
        for found in imports(room, "httpkit"):
            if found.module.split(".")[0] != "urllib3":
                continue
            prefix = max((key for key in URLLIB3 if f"{found.full}.".startswith(key + ".")), key=len)
            short = prefix == "urllib3" and found.name in POOLS_BY_THEIR_SHORT_NAMES
            if not allowed(
                room, ["_wire", "_alias", "packages"] if short else [*URLLIB3[prefix], "_alias", "packages"]
            ):
                problems.append(f"{room.name}:{found.line} imports {found.full}: not its business")
    return problems


def early_importers(rooms: list[Room], floors: list[tuple[str, str]]) -> list[str]:
    """Rooms of the low floors that import urllib3 for every program, at module level."""
    low = {name for floor, names in floors for name in names.split() if floor.rstrip("abc") in LATE_FLOORS}
    return [
        f"{room.name}:{found.line} imports {found.full} at module level: import it inside the function that needs it"
        for room in rooms
        if room.name in low and not room.name.startswith("_wire.")
        for found in imports(room, "httpkit")
        if found.module.split(".")[0] == "urllib3" and not (found.late or found.typing_only)
    ]


def sleepers(rooms: list[Room]) -> list[str]:
    """Where something sleeps, other than in the driver."""
    problems = []
    for room in rooms:
        if room.name == "sessions":
            continue
        for found in imports(room, "httpkit"):
            if found.module == "time" and found.name == "sleep":
                problems.append(f"{room.name}:{found.line} imports time.sleep: only sessions sleeps")
        for node in ast.walk(room.tree):
            if isinstance(node, ast.Attribute) and ast.unparse(node) in ("time.sleep", "asyncio.sleep"):
                problems.append(f"{room.name}:{node.lineno} uses {ast.unparse(node)}: only sessions sleeps")
    return problems


def logic_in_reexports(rooms: list[Room]) -> list[str]:
    """Functions, classes and loops in rooms that are lists of imports."""
    logic = (
        ast.FunctionDef,
        ast.AsyncFunctionDef,
        ast.ClassDef,
        ast.Lambda,
        ast.For,
        ast.While,
        ast.comprehension,
    )
    return [
        f"{room.name}:{getattr(node, 'lineno', 0)}: {type(node).__name__} in a re-exporting room"
        for room in rooms
        if room.name in REEXPORTING
        for node in ast.walk(room.tree)
        if isinstance(node, logic)
    ]


def lawless(rooms: list[Room]) -> list[str]:
    """Modules that do not begin with a sentence about themselves."""
    problems = []
    for room in rooms:
        law = (ast.get_docstring(room.tree) or "").strip()
        if len(law.split()) < 3 or not any(end in law for end in (".", ":")):
            problems.append(f"{room.name}: does not open with its law, a docstring of at least a sentence")
    return problems


def unsorted_exports(rooms: list[Room]) -> list[str]:
    """Whether the door's `__all__` is one literal list in order, every name once."""
    for room in rooms:
        if room.name != "__init__":
            continue
        for node in room.tree.body:
            if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
                names = ast.literal_eval(node.value)
                return [] if names in ordered(names) else [f"__all__ is not sorted: {names}"]
    return ["__init__ has no literal __all__"]


def ordered(names: list[str]) -> list[list[str]]:
    """*names* once each in the two usual orders: by code point; and constants, classes, the rest, as ruff has it."""

    def by_kind(name: str) -> tuple[int, str]:
        return (0 if name.isupper() else 1 if name[:1].isupper() else 2), name

    return [sorted(set(names)), sorted(set(names), key=by_kind)]


CHECKS: dict[str, Callable[[list[Room]], list[str]]] = {
    "imports go down": lambda rooms: upward(rooms, FLOORS),
    "only _environment reads the environment": environment_readers,
    "only _wire imports urllib3's pools and connections": importers_of_pools,
    "low floors do not import urllib3 for everybody": lambda rooms: early_importers(rooms, FLOORS),
    "only the driver sleeps": sleepers,
    "re-exporting rooms hold no logic": logic_in_reexports,
    "each module opens with its law": lawless,
    "the door's __all__ is sorted": unsorted_exports,
}


@pytest.fixture(scope="module")
def house() -> list[Room]:
    import httpkit

    rooms = read_rooms(Path(httpkit.__file__).parent)
    assert {"__init__", "exceptions", "_wire", "_message"} <= {room.name for room in rooms}
    return rooms


@pytest.mark.parametrize("check", CHECKS.values(), ids=CHECKS)
def test_the_house_keeps(check: Callable[[list[Room]], list[str]], house: list[Room]) -> None:
    problems = check(house)
    assert not problems, "\n" + "\n".join(problems)


# The checks themselves, on houses small enough to see that they can fail.

SMALL = [("0", "exceptions a"), ("1", "b _in.c"), ("2", "models d _wire.pools"), ("3", "__init__")]


@pytest.fixture
def build(tmp_path: Path) -> Callable[..., list[Room]]:
    """build({"a": "source", "_in.c": "source"}): the rooms of a package httpkit with these modules."""

    def build(sources: dict[str, str]) -> list[Room]:
        package = tmp_path / "httpkit"
        for name, source in {"__init__": "__all__ = []", **sources}.items():
            path = package.joinpath(*name.split(".")).with_suffix(".py")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(source, encoding="utf-8")
        return read_rooms(package)

    return build


DOWN = {
    "a module": "from . import a",
    "a name of a module": "from .a import thing",
    "absolute": "import httpkit.a",
    "absolute, a name": "from httpkit.a import thing",
    "the skylight": "",
}


@pytest.mark.parametrize("source", DOWN.values(), ids=DOWN)
def test_downward_imports_are_fine(source: str, build: Callable[..., list[Room]]) -> None:
    rooms = build({"a": "", "b": source, "_in.__init__": "", "_in.c": "from ..a import x\nfrom .. import a"})
    assert upward(rooms, SMALL) == []


@pytest.mark.parametrize(
    "name, source, complaint",
    [
        ("a", "from . import b", "a:1 imports b: upward, floor 0 to 1"),
        ("a", "from .b import x", "a:1 imports b: upward"),
        ("a", "import httpkit.b", "a:1 imports b: upward"),
        ("a", "import httpkit", "a:1 imports __init__: upward"),
        ("a", "from httpkit import b as c", "a:1 imports b: upward"),
        ("a", "from . import get", "a:1 imports __init__: upward"),
        ("a", "from httpkit import get", "a:1 imports __init__: upward"),
        ("b", "from ._in import c", "b:1 imports _in.c: sideways"),
        ("_in.c", "from ..b import x", "_in.c:1 imports b: sideways"),
        ("_in.c", "from .. import d", "_in.c:1 imports d: upward, floor 1 to 2"),
        ("_in.c", "from .missing import d", "_in.missing, which is on no floor: give it a floor"),
        (
            "a",
            "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n  from .b import x",
            "a:3 imports b: upward",
        ),
        ("a", "def f():\n  from .b import x", "a:2 imports b: upward"),
        ("a", "try:\n  from .b import x\nexcept ImportError: pass", "a:2 imports b: upward"),
        ("a", "import importlib\nimportlib.import_module('httpkit.b')", "a:2 imports b: upward"),
        ("a", "__import__('httpkit.b')", "a:1 imports b: upward"),
        ("_in.__init__", "from .c import x", "_in:1: the __init__ of an inner package imports nothing"),
        ("new", "", "new is on no floor: give it a floor"),
        ("exceptions", "from .models import Response", "exceptions:1 imports models: upward"),
        (
            "exceptions",
            "if TYPE_CHECKING:\n  from .models import other",
            "exceptions:2 imports models: upward",
        ),
        ("a", "if TYPE_CHECKING:\n  from .models import Response", "a:2 imports models: upward"),
    ],
)
def test_other_imports_are_found(
    name: str, source: str, complaint: str, build: Callable[..., list[Room]]
) -> None:
    sources = {"a": "", "b": "", "_in.__init__": "", "_in.c": "", "d": "", "models": "", name: source}
    problems = upward(build(sources), SMALL)
    assert len(problems) == 1
    assert complaint in problems[0]


def test_exceptions_have_a_skylight(build: Callable[..., list[Room]]) -> None:
    source = "if TYPE_CHECKING:\n  from .models import Request, Response"
    assert upward(build({"exceptions": source, "models": "from .exceptions import X"}), SMALL) == []


def test_two_rooms_that_import_each_other_are_found(build: Callable[..., list[Room]]) -> None:
    assert upward(build({"a": "from . import b", "b": "from . import a"}), SMALL)


@pytest.mark.parametrize(
    "check, name, source",
    [
        (environment_readers, "models", "import os\nx = os.environ['A']"),
        (environment_readers, "models", "import os\ndef f(): return os.getenv('A')"),
        (environment_readers, "models", "from os import environ"),
        (environment_readers, "models", "import netrc"),
        (environment_readers, "models", "from netrc import netrc"),
        (environment_readers, "models", "from urllib.request import getproxies_environment"),
        (environment_readers, "models", "import urllib.request\nurllib.request.proxy_bypass('a')"),
        (importers_of_pools, "models", "import urllib3"),
        (importers_of_pools, "models", "from urllib3.response import HTTPResponse"),
        (importers_of_pools, "adapters", "from urllib3.poolmanager import PoolManager"),
        (importers_of_pools, "adapters", "import urllib3.connectionpool"),
        (importers_of_pools, "adapters", "from urllib3 import PoolManager"),
        (importers_of_pools, "adapters", "from urllib3.contrib.socks import SOCKSProxyManager"),
        (importers_of_pools, "sessions", "def f():\n  from urllib3.util import Retry"),
        (lambda rooms: early_importers(rooms, FLOORS), "timeouts", "import urllib3.util"),
        (lambda rooms: early_importers(rooms, FLOORS), "_message.bodies", "from urllib3 import fields"),
        (sleepers, "adapters", "import time\ntime.sleep(1)"),
        (sleepers, "adapters", "from time import sleep"),
        (sleepers, "_pipeline", "import time\nnap = time.sleep"),
        (logic_in_reexports, "utils", "def f(): pass"),
        (logic_in_reexports, "certs", "class C: pass"),
        (logic_in_reexports, "packages", "for x in y: pass"),
        (logic_in_reexports, "compat", "if x:\n  f = lambda: 1"),
        (lawless, "models", "x = 1"),
        (lawless, "models", '"""Models."""'),
        (unsorted_exports, "__init__", "__all__ = ['b', 'a']"),
        (unsorted_exports, "__init__", "__all__ = ['a', 'a']"),
        (unsorted_exports, "__init__", "x = 1"),
    ],
)
def test_each_check_can_fail(
    check: Callable[[list[Room]], list[str]], name: str, source: str, build: Callable[..., list[Room]]
) -> None:
    law = '"""This module has a law."""'
    problems = check(build({"__init__": law + "\n__all__ = ['A', 'a']", name: source}))
    assert len(problems) == 1


@pytest.mark.parametrize("check", CHECKS.values(), ids=CHECKS)
def test_each_check_passes_a_good_house(
    check: Callable[[list[Room]], list[str]], build: Callable[..., list[Room]]
) -> None:
    law = '"""This module has a law."""\n'
    rooms = build(
        {
            "__init__": law
            + "from .models import Response\n__all__ = ['A_B', 'Response', '__version__', 'get']",
            "_environment": law + "import os, netrc\nx = os.environ",
            "_wire.__init__": law,
            "_wire.pools": law + "from urllib3.poolmanager import PoolManager",
            "adapters": law + "from urllib3.util import Retry\nfrom urllib3.exceptions import HTTPError",
            "exceptions": law,
            "models": law + "import time, os\nx = time.monotonic(), os.fspath('a')",
            "sessions": law + "import time\ntime.sleep(0)",
            "timeouts": law + "def f():\n  import urllib3.util",
            "utils": law + "from .sessions import Session\nx = Session if 1 else None",
        }
    )
    assert check(rooms) == []
