"""Names that a room has for the programs that take them from there, and makes no use of itself.

requests' modules import from each other, and programs have come to say `requests.models.urlencode`. Such a name is
looked up in its home when it is asked for, so that nobody else pays for it. Homes are on lower floors or in the
standard library. Assigning one of these names changes nothing in its home.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

__all__ = ["late_names"]


def late_names(room: str, names: Mapping[str, str]) -> Callable[[str], Any]:
    """The `__getattr__` of the module *room* (PEP 562).

    *names* maps homes to the names, with blanks between, that are taken from there: `".hooks"` is a room of
    the package, `"urllib.parse"` a module of others; `cookielib=cookiejar` calls the home's `cookiejar` by
    the name `cookielib`.
    """
    package = room.partition(".")[0]
    homes = {}
    for home, listed in names.items():
        for entry in listed.split():
            name, _, theirs = entry.partition("=")
            homes[name] = (package + home if home.startswith(".") else home, theirs or name)

    def attribute(name: str) -> Any:
        if name not in homes:
            raise AttributeError(f"module {room!r} has no attribute {name!r}")
        home, theirs = homes[name]
        return getattr(import_module(home), theirs)

    return attribute
