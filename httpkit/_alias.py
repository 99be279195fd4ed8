"""The alias: `import requests` gives httpkit, for programs whose libraries import requests by name.

Nothing happens until a program calls `alias_requests()`, and what it does can be undone. It has to be called
before anything imports requests, since names that were taken from the real one stay its own:

    import httpkit.compat

    httpkit.compat.alias_requests()

    import requests  # httpkit

The rooms are found by name at run time, so that this one knows none of them.
"""

from __future__ import annotations

import sys
from importlib import import_module
from typing import TYPE_CHECKING, TypeVar

from ._forwarding import ModuleAliases

if TYPE_CHECKING:
    Self = TypeVar("Self", bound="RequestsAlias")

__all__ = ["RequestsAlias", "alias_requests"]

_NAME = "requests"
_PACKAGE = __name__.rpartition(".")[0]
#: The submodules that `import requests` loads, which programs therefore use without importing them.
_LOADED_WITH_IT = (
    "__version__",
    "_internal_utils",
    "adapters",
    "api",
    "auth",
    "certs",
    "compat",
    "cookies",
    "exceptions",
    "hooks",
    "models",
    "packages",
    "sessions",
    "status_codes",
    "structures",
    "utils",
)


class RequestsAlias:
    """The alias as it is in force. `undo()` ends it, and so does leaving a `with` block."""

    def __init__(self, aliases: ModuleAliases | None = None, version: str = "") -> None:
        self._aliases = aliases
        self._version = version

    def undo(self) -> None:
        """End the alias: `import requests` means requests again.

        What was imported meanwhile stays httpkit's. Does nothing when the alias was in force before the call
        that gave this object, or was undone already.
        """
        aliases, self._aliases = self._aliases, None
        if aliases is not None:
            aliases.remove()
            vars(import_module(_PACKAGE))["__version__"] = self._version

    def __enter__(self: Self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.undo()


def alias_requests() -> RequestsAlias:
    """Make `import requests`, and of its submodules, give httpkit's: the same objects under both names.

    While it is in force, `__version__` of the module is the number of the requests release whose interface
    this is, because libraries refuse a requests that is older than they know. Calling it again changes
    nothing. Raises RuntimeError when the real requests is imported already.
    """
    package = import_module(_PACKAGE)
    if sys.modules.get(_NAME) is package:
        return RequestsAlias()
    present = sorted(name for name in sys.modules if name == _NAME or name.startswith(f"{_NAME}."))
    if present:
        raise RuntimeError(
            f"alias_requests(): {present[0]!r} is imported already, from {_origin(present[0])}. "
            "Call alias_requests() first thing in the program, before any library that imports requests."
        )
    aliases = ModuleAliases({_NAME: _PACKAGE})
    aliases.install()
    alias = RequestsAlias(aliases, package.__version__)
    try:
        _load(package.__all__)
    except BaseException:
        alias.undo()
        raise
    vars(package)["__version__"] = _interface(package.__build__)
    return alias


def _interface(build: int) -> str:
    """The number of the requests release whose interface this is: 0x023402 is 2.34.2."""
    return ".".join(f"{part:x}" for part in build.to_bytes(3, "big"))


def _load(names: list[str]) -> None:
    """Put what `import requests` imports, and every public name, into the `__dict__` of the module."""
    package = import_module(_NAME)
    for room in _LOADED_WITH_IT:
        import_module(f"{_NAME}.{room}")
    for name in names:
        getattr(package, name)


def _origin(name: str) -> str:
    return getattr(sys.modules[name], "__file__", None) or "an unknown place"
