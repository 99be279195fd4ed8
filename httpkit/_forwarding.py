"""Names that stand for other names: what makes a re-exporting room behave as one with its homes.

Two seams of the import system, each used only by the rooms that ask for it. `ForwardingModule` makes an
assignment to a re-exported name take effect where the name lives. `ModuleAliases` makes the import of one
module name give the very module of another.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from types import ModuleType
from typing import Any

__all__ = ["ForwardingModule", "ModuleAliases", "forward_assignments"]

_ABSENT = object()


class ForwardingModule(ModuleType):
    """A module whose re-exported names, when set or deleted, are set or deleted in their homes as well.

    Tests replace names where a program imports them, `mock.patch("httpkit.utils.proxy_bypass")`; the code
    that uses the name looks it up in its own room.
    """

    _homes: Mapping[str, Sequence[ModuleType]]

    def __setattr__(self, name: str, value: Any) -> None:
        for home in self._homes.get(name, ()):
            setattr(home, name, value)
        super().__setattr__(name, value)

    def __delattr__(self, name: str) -> None:
        super().__delattr__(name)
        for home in self._homes.get(name, ()):
            if name in vars(home):
                delattr(home, name)


def forward_assignments(room: str, *homes: str) -> None:
    """From now on, names that are set or deleted in the module *room* are so in *homes* as well.

    In each of them that has the same name for the same object, now. *homes* are modules of the package, named
    from its root: `"_message.urls"`. A name may have several.
    """
    module = sys.modules[room]
    package = room.partition(".")[0]
    rooms = [import_module(f"{package}.{home}") for home in homes]
    table = {
        name: [home for home in rooms if getattr(home, name, _ABSENT) is value]
        for name, value in vars(module).items()
        if not name.startswith("__")
    }
    vars(module)["_homes"] = {name: found for name, found in table.items() if found}
    module.__class__ = ForwardingModule


class ModuleAliases(MetaPathFinder, Loader):
    """Makes `import alias` and `import alias.sub` give the modules `real` and `real.sub`, the same objects.

    *names* maps aliases to real names. Acts on these names and what is below them, from `install()` to
    `remove()`, and touches nothing of the real modules: `exec_module` may put another module in the place of
    the one it was given, which is how their `__spec__` stays their own.
    """

    def __init__(self, names: Mapping[str, str]) -> None:
        self._names = dict(names)
        #: What was put into `sys.modules`.
        self.loaded: dict[str, ModuleType] = {}

    def install(self) -> None:
        """Begin, before the other finders: a path-based one would load submodules a second time."""
        if self not in sys.meta_path:
            sys.meta_path.insert(0, self)

    def remove(self) -> None:
        """End, and take out of `sys.modules` what was put in, where it still is."""
        if self in sys.meta_path:
            sys.meta_path.remove(self)
        for name, module in self.loaded.items():
            if sys.modules.get(name) is module:
                del sys.modules[name]
        self.loaded.clear()

    def real_name(self, fullname: str) -> str | None:
        """The name that *fullname* stands for; None when it is none of the aliases."""
        for alias, real in self._names.items():
            if fullname == alias or fullname.startswith(f"{alias}."):
                return real + fullname[len(alias) :]
        return None

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        real = self.real_name(fullname)
        if real is None or (real not in sys.modules and find_spec(real) is None):
            return None
        return ModuleSpec(fullname, self, origin=real)

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return None

    def exec_module(self, module: ModuleType) -> None:
        name = module.__name__
        real = self.real_name(name)
        if real is None:
            raise ImportError(f"{name!r} is no alias", name=name)
        self.loaded[name] = sys.modules[name] = import_module(real)
