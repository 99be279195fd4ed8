"""Frozen dataclasses that cost next to nothing to define, for the rooms that each program loads with its first call.

`dataclasses` writes source for each class and has it compiled, and it loads `inspect` and `ast`, which nothing else
needs before Python 3.12: together as long as half of httpkit takes. `record` makes classes that behave alike, by
methods that they share. To `dataclasses`, `inspect` and type checkers they are frozen dataclasses; the module is loaded
when it is asked. Rooms that few programs need use the original, and so does what needs more of it than is here:
`frozen`, `kw_only`, `field` with `default`, `default_factory`, `repr` and `compare`, `__post_init__` and inheritance.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

__all__ = ["field", "record"]

_MISSING = object()
_set = object.__setattr__


class _Field:
    """What there is to say of a part besides its type."""

    def __init__(
        self,
        *,
        default: Any = _MISSING,
        default_factory: Any = _MISSING,
        repr: bool = True,
        compare: bool = True,
    ) -> None:
        self.default = default
        self.default_factory = default_factory
        self.repr = repr
        self.compare = compare

    def said(self) -> dict[str, Any]:
        """The arguments for the `field` of `dataclasses`."""
        return {name: value for name, value in vars(self).items() if value is not _MISSING}


if TYPE_CHECKING:
    from dataclasses import dataclass as record
    from dataclasses import field
else:
    field = _Field

    def record(*, frozen: bool, kw_only: bool = False) -> Callable[[type], type]:
        """Let a class have what a frozen dataclass with its annotations would have."""
        if not frozen:
            raise TypeError("record: there is only frozen=True; what changes is for dataclasses.dataclass")
        return lambda cls: _made(cls, kw_only)


class _Plan:
    """The parts of *cls* by name, those that it inherits first; and what the methods below ask for."""

    def __init__(
        self, cls: type, root: type, kinds: dict[str, Any], fields: dict[str, _Field], kw_only: bool
    ) -> None:
        self.cls = cls
        #: The class that has the methods.
        self.root = root
        self.kinds = kinds
        self.fields = fields
        self.kw_only = kw_only
        self.names = tuple(kinds)
        self.positional = () if kw_only else self.names
        self.defaults = {name: each.default for name, each in fields.items() if each.default is not _MISSING}
        self.factories = {
            name: each.default_factory
            for name, each in fields.items()
            if each.default_factory is not _MISSING
        }
        self.shown = [name for name, each in fields.items() if each.repr]
        self.compared = [name for name, each in fields.items() if each.compare]
        self.twin: Any = None

    def as_dataclass(self) -> Any:
        """A dataclass with the same parts."""
        if self.twin is None:
            import dataclasses

            self.twin = dataclasses.make_dataclass(
                self.cls.__name__,
                [
                    (name, self.kinds[name], dataclasses.field(**self.fields[name].said()))
                    for name in self.names
                ],
                frozen=True,
                kw_only=self.kw_only,
            )
        return self.twin


def _made(cls: Any, kw_only: bool) -> Any:
    base: _Plan | None = getattr(cls, "_record_plan", None)
    kinds, fields = (dict(base.kinds), dict(base.fields)) if base is not None else ({}, {})
    for name, kind in cls.__annotations__.items():
        given = cls.__dict__.get(name, _MISSING)
        kinds[name], fields[name] = kind, given if isinstance(given, _Field) else _Field(default=given)
        if isinstance(given, _Field):
            # A default can be read from the class, a factory cannot.
            if given.default is _MISSING:
                delattr(cls, name)
            else:
                setattr(cls, name, given.default)
    cls._record_plan = plan = _Plan(cls, cls if base is None else base.root, kinds, fields, kw_only)
    setattr(cls, "__match_args__", plan.positional)  # noqa: B010  # type checkers have a rule for this name
    if base is None:
        for name, method in _METHODS.items():
            if name not in cls.__dict__:
                setattr(cls, name, method)
    return cls


# --- the methods


def _init(self: Any, *values: Any, **named: Any) -> None:
    plan: _Plan = self._record_plan
    if len(values) > len(plan.positional):
        raise _misused(self, f"takes {len(plan.positional)} arguments by position, not {len(values)}")
    given = dict(zip(plan.positional, values))  # noqa: B905  # there may be fewer values
    state = {**plan.defaults, **given, **named}
    for name, make in plan.factories.items():
        if name not in state:
            state[name] = make()
    for name in named:
        if name not in plan.kinds:
            raise _misused(self, f"has no argument {name}")
        if name in given:
            raise _misused(self, f"is given {name} by position and by name")
    for name in plan.names:
        if name not in state:
            raise _misused(self, f"needs {name}")
        _set(self, name, state[name])
    if hasattr(self, "__post_init__"):
        self.__post_init__()


def _misused(self: Any, fault: str) -> TypeError:
    return TypeError(
        f"{type(self).__name__}() {fault}; its arguments are {', '.join(self._record_plan.names)}"
    )


def _repr(self: Any) -> str:
    parts = ", ".join(f"{name}={getattr(self, name)!r}" for name in self._record_plan.shown)
    return f"{type(self).__qualname__}({parts})"


def _key(self: Any) -> tuple[Any, ...]:
    return tuple([getattr(self, name) for name in self._record_plan.compared])


def _eq(self: Any, other: object) -> Any:
    return _key(self) == _key(other) if type(other) is type(self) else NotImplemented


def _hash(self: Any) -> int:
    return hash(_key(self))


def _setattr(self: Any, name: str, value: object) -> None:
    _refuse(self, name)
    super(self._record_plan.root, self).__setattr__(name, value)


def _delattr(self: Any, name: str) -> None:
    _refuse(self, name)
    super(self._record_plan.root, self).__delattr__(name)


def _refuse(self: Any, name: str) -> None:
    """Raise FrozenInstanceError, except for what a subclass that is no record keeps besides the parts."""
    plan: _Plan = self._record_plan
    if type(self) is plan.cls or name in plan.kinds:
        from dataclasses import FrozenInstanceError

        raise FrozenInstanceError(
            f"{type(self).__name__} does not change; make another one for another {name}"
        )


def _replace(self: Any, **changes: Any) -> Any:
    """Another one, with *changes*."""
    return type(self)(**{**{name: getattr(self, name) for name in self._record_plan.names}, **changes})


class _Late:
    """An attribute as the dataclass has it. Nobody pays for it who does not ask."""

    def __init__(self, ask: Callable[[Any], Any]) -> None:
        self._ask = ask

    def __get__(self, instance: object, owner: Any) -> Any:
        return self._ask(owner._record_plan.as_dataclass())


class _Signature(_Late):
    """The signature of a class whose arguments are its parts. One with arguments of its own is looked at as usual."""

    def __get__(self, instance: object, owner: Any) -> Any:
        if instance is not None or owner.__init__ is not _init or owner.__new__ is not object.__new__:
            raise AttributeError("__signature__")
        return super().__get__(instance, owner)


def _signature(dataclass: Any) -> Any:
    import inspect

    return inspect.signature(dataclass)


_METHODS: dict[str, Any] = {
    "__init__": _init,
    "__repr__": _repr,
    "__eq__": _eq,
    "__hash__": _hash,
    "__setattr__": _setattr,
    "__delattr__": _delattr,
    "__replace__": _replace,
    "__signature__": _Signature(_signature),
    "__dataclass_fields__": _Late(lambda dataclass: dataclass.__dataclass_fields__),
    "__dataclass_params__": _Late(lambda dataclass: dataclass.__dataclass_params__),
}
