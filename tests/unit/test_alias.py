"""The alias: `import requests` gives httpkit, when a program asks for it and until it takes it back.

What is aliased is a whole process, so each program of a test runs in a process of its own. The real requests
is not needed and, where it is installed, must not be touched.
"""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

ALIASED = "import httpkit.compat\nalias = httpkit.compat.alias_requests()\n"


@pytest.fixture
def run(tmp_path: Path):
    """run(program, *paths): what the program prints, with *paths* importable."""

    def run(program: str, *paths: Path, arguments: tuple[str, ...] = ()) -> str:
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join([*map(str, paths), *sys.path])}
        done = subprocess.run(
            [sys.executable, "-W", "error", "-c", textwrap.dedent(program), *arguments],
            capture_output=True,
            text=True,
            cwd=tmp_path,
            env=environment,
            timeout=50,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    return run


def test_importing_httpkit_touches_nothing(run):
    program = """
        import sys
        finders = list(sys.meta_path)
        import httpkit, httpkit.compat, httpkit.utils, httpkit.api
        assert sys.meta_path == finders
        print([name for name in sys.modules if name.partition(".")[0] == "requests"])
    """
    assert run(program) == "[]"


def test_the_module_and_every_room_are_the_same_objects(run):
    program = (
        ALIASED
        + """
import sys, httpkit
import requests, requests.adapters, requests.auth as auth, requests.packages.urllib3.util.retry
from requests import exceptions, Session
from requests.packages.urllib3.exceptions import InsecureRequestWarning
import urllib3.util.retry
assert requests is httpkit is sys.modules["requests"]
for name in (
    "__version__ _internal_utils adapters api auth certs compat cookies exceptions help hooks models "
    "packages sessions status_codes structures utils"
).split():
    __import__(f"requests.{name}")
    assert sys.modules[f"requests.{name}"] is sys.modules[f"httpkit.{name}"], name
assert auth is httpkit.auth and exceptions is httpkit.exceptions and Session is httpkit.Session
assert requests.packages.urllib3.util.retry is urllib3.util.retry
assert InsecureRequestWarning is urllib3.exceptions.InsecureRequestWarning
print("same")
"""
    )
    assert run(program) == "same"


def test_names_that_load_late_are_in_the_dict_of_the_module(run):
    program = (
        ALIASED
        + """
import requests
print([name for name in requests.__all__ if name not in requests.__dict__])
names = "adapters auth cookies models sessions utils get Session codes".split()
print(all(name in requests.__dict__ for name in names))
"""
    )
    assert run(program) == "[]\nTrue"


def test_the_rooms_are_in_sys_modules_without_being_imported_by_name(run):
    program = (
        ALIASED + "import sys; import requests; print(sys.modules['requests.models'] is requests.models)"
    )
    assert run(program) == "True"


def test_the_version_is_that_of_the_requests_whose_interface_this_is_until_the_alias_ends(run):
    """Libraries compare it as text and refuse a requests that is too old for them."""
    program = """
import httpkit.compat
own = httpkit.__version__
alias = httpkit.compat.alias_requests()
import requests.__version__, requests
print(requests.__version__, f"{requests.__build__:x}")
assert isinstance(requests.__version__, str) and requests.__version__ > "2.0.0"
again = httpkit.compat.alias_requests()
again.undo()
assert requests.__version__ > "2.0.0"
assert requests.utils.default_user_agent() == f"httpkit/{own}"
alias.undo()
print(httpkit.__version__ == own)
"""
    assert run(program).split() == ["2.34.2", "23402", "True"]


def test_a_name_can_be_patched_by_its_path(run):
    program = (
        ALIASED
        + """
from unittest import mock
import httpkit.adapters
with mock.patch("requests.adapters.HTTPAdapter.send") as send:
    assert httpkit.adapters.HTTPAdapter.send is send
with mock.patch("requests.utils.proxy_bypass") as bypass:
    assert httpkit.utils.proxy_bypass is bypass
print(httpkit.adapters.HTTPAdapter.send is not send)
"""
    )
    assert run(program) == "True"


def test_what_requests_does_not_have_is_not_found(run):
    program = (
        ALIASED
        + """
import importlib
for name in (
    "requests.no_such_room",
    "requests.packages.no_such_package",
    "requests.packages.urllib3.no_such_module",
):
    try:
        importlib.import_module(name)
    except ModuleNotFoundError as error:
        print(error.name)
"""
    )
    assert run(program).split() == [
        "requests.no_such_room",
        "requests.packages.no_such_package",
        "requests.packages.urllib3.no_such_module",
    ]


@pytest.fixture
def another_requests(tmp_path: Path) -> Path:
    """A directory with a package called requests that is not httpkit."""
    package = tmp_path / "site" / "requests"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("who = 'the real one'\n")
    (package / "adapters.py").write_text("")
    return package.parent


@pytest.mark.parametrize(
    "statement", ["import requests", "import requests.adapters; del sys.modules['requests']"]
)
def test_it_refuses_when_the_real_one_is_imported_already(run, another_requests, statement):
    program = f"""
        import sys
        {statement}
        import httpkit.compat
        before = dict(sys.modules), list(sys.meta_path)
        try:
            httpkit.compat.alias_requests()
        except RuntimeError as error:
            print(type(error).__name__, error)
        assert list(sys.meta_path) == before[1]
        assert {{k: v for k, v in sys.modules.items() if k.startswith("requests")}} == \\
            {{k: v for k, v in before[0].items() if k.startswith("requests")}}
    """
    message = run(program, another_requests)
    assert message.startswith("RuntimeError alias_requests(): 'requests")
    assert str(another_requests) in message
    assert "first thing in the program" in message


def test_undo_gives_the_real_one_back(run, another_requests):
    program = """
        import sys
        import httpkit.compat
        before = list(sys.meta_path)
        alias = httpkit.compat.alias_requests()
        import requests, requests.help, requests.packages.urllib3.filepost
        assert requests is httpkit
        alias.undo()
        assert list(sys.meta_path)[-len(before):] == before
        print([name for name in sys.modules if name.partition(".")[0] == "requests"])
        import requests
        print(requests.who)
        assert "httpkit.help" in sys.modules and httpkit.get
    """
    assert run(program, another_requests) == "[]\nthe real one"


def test_undo_leaves_alone_what_it_did_not_add(run):
    program = """
        import sys, types
        import httpkit.compat
        alias = httpkit.compat.alias_requests()
        import requests.adapters
        sys.modules["requests.adapters"] = mine = types.ModuleType("requests.adapters")
        sys.modules["requests.extra"] = types.ModuleType("requests.extra")
        alias.undo()
        assert sys.modules["requests.adapters"] is mine
        print(sorted(name for name in sys.modules if name.partition(".")[0] == "requests"))
    """
    assert run(program) == "['requests.adapters', 'requests.extra']"


def test_it_is_a_context_manager(run, another_requests):
    program = """
        import httpkit.compat
        with httpkit.compat.alias_requests() as alias:
            import requests
            assert requests is httpkit
        alias.undo()  # once more does no harm
        import requests
        print(requests.who)
    """
    assert run(program, another_requests) == "the real one"


def test_it_is_undone_when_the_block_raises(run, another_requests):
    program = """
        import httpkit.compat
        try:
            with httpkit.compat.alias_requests():
                raise KeyError
        except KeyError:
            import requests
        print(requests.who)
    """
    assert run(program, another_requests) == "the real one"


def test_calling_it_twice_is_harmless_and_only_the_first_can_undo_it(run):
    program = """
        import sys
        import httpkit.compat
        first = httpkit.compat.alias_requests()
        finders = list(sys.meta_path)
        with httpkit.compat.alias_requests() as second:
            assert list(sys.meta_path) == finders
        import requests
        assert requests is httpkit
        first.undo()
        print("requests" in sys.modules)
    """
    assert run(program) == "False"


def test_it_can_be_made_again_after_it_was_undone(run):
    program = """
        import httpkit.compat
        for _ in range(3):
            with httpkit.compat.alias_requests():
                import requests.adapters
                assert requests is httpkit
        print("fine")
    """
    assert run(program) == "fine"


def test_a_failure_half_way_leaves_nothing_behind(run):
    program = """
        import sys
        import httpkit.compat
        httpkit.__all__.append("no_such_name")
        finders = list(sys.meta_path)
        try:
            httpkit.compat.alias_requests()
        except (AttributeError, ImportError) as error:
            print(type(error).__name__)
        added = [finder for finder in sys.meta_path if finder not in finders]
        assert [finder.real_name("requests") for finder in added] == [None], "only that of packages"
        print([name for name in sys.modules if name.partition(".")[0] == "requests"])
    """
    assert run(program).splitlines()[-1] == "[]"


def test_a_program_can_be_started_under_the_alias(run, tmp_path):
    (tmp_path / "program.py").write_text(
        "import sys\n"
        "import requests\n"
        "if __name__ == '__main__':\n"
        "    print(requests.__title__, requests.codes.ok, sys.argv[1:])\n"
    )
    program = (
        "import httpkit.compat; httpkit.compat.alias_requests(); import runpy; "
        "runpy.run_module('program', run_name='__main__', alter_sys=True)"
    )
    assert run(program, tmp_path, arguments=("one",)) == "httpkit 200 ['one']"


def test_the_alias_holds_in_threads_that_import_meanwhile(run):
    program = (
        ALIASED
        + """
import sys, threading
import httpkit
found = []
def work(name):
    found.append(__import__(f"requests.{name}", fromlist=["x"]) is sys.modules[f"httpkit.{name}"])
names = "timeouts redirects help __main__".split()[:3] * 5
threads = [threading.Thread(target=work, args=(name,)) for name in names]
for thread in threads: thread.start()
for thread in threads: thread.join()
print(len(found), all(found))
"""
    )
    assert run(program) == "15 True"
