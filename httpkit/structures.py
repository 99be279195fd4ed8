"""Containers: the case-insensitive mapping that holds fields, and the mapping behind `codes`.

Nothing here knows HTTP beyond the fact that field names compare without regard to case and may repeat (RFC
9110 §5.1, §5.2). What a field's value means is `_message.fields`' business.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, KeysView, Mapping, MutableMapping
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast, overload

from ._message.secrets import HIDDEN, is_secret_name

__all__ = ["CaseInsensitiveDict", "LookupDict", "from_key_val_list", "to_key_val_list"]

V = TypeVar("V")
_new = object.__new__
D = TypeVar("D")


class CaseInsensitiveDict(MutableMapping[str, V], Generic[V]):
    """A mapping whose keys compare without regard to case and keep the case in which they were last set.

    A key that was added more than once with `add()` keeps its repeats: `getlist()` gives them one by one,
    subscription joins them with a comma and a space, as RFC 9110 §5.3 allows for every field but
    Set-Cookie. Setting a key replaces all its repeats.
    """

    _store: dict[str, tuple[str, V]]
    _repeats: dict[str, list[V]] | None
    _approved: tuple[tuple[str, V], ...] | None = None

    def __init__(self, data: Mapping[str, V] | Iterable[tuple[str, V]] | None = None, **kwargs: V) -> None:
        self._store = {}
        self._repeats = None
        if data is not None:
            self.update(data)
            if isinstance(data, CaseInsensitiveDict) and data._repeats:
                self._repeats = {name: list(values) for name, values in data._repeats.items()}
        if kwargs:
            self.update(**kwargs)

    @classmethod
    def from_pairs(cls, pairs: Iterable[tuple[str, V]]) -> CaseInsensitiveDict[V]:
        """The mapping of fields in the order in which they arrived, with repeats kept."""
        fields = cls()
        store = fields._store
        for name, value in pairs:
            lower = name.lower()
            if lower in store:
                fields.add(name, value)
            else:
                store[lower] = (name, value)
        return fields

    @classmethod
    def from_store(cls, store: dict[str, tuple[str, V]]) -> CaseInsensitiveDict[V]:
        """The mapping of *store*, keys in lower case to keys and values, which it owns from now on."""
        fields: CaseInsensitiveDict[V] = _new(cls) if cls is CaseInsensitiveDict else cls.__new__(cls)
        fields._store = store
        fields._repeats = None
        return fields

    def approve(self, pairs: Iterable[tuple[str, V]]) -> None:
        """Remember that *pairs* were looked at and found good; see `is_approved`."""
        self._approved = tuple(pairs)

    def is_approved(self) -> bool:
        """True when what is in it now is what was approved, so that nobody need look at it again."""
        return not self._repeats and tuple(self._store.values()) == self._approved

    def names(self) -> KeysView[str]:
        """The names that are in it, in lower case."""
        return self._store.keys()

    def pairs(self) -> list[tuple[str, V]]:
        """Names and values as a list, with one pair for each repeat."""
        return list(self.multi_items()) if self._repeats else list(self._store.values())

    def __setitem__(self, key: str, value: V) -> None:
        lower = key.lower()
        self._store[lower] = (key, value)
        if self._repeats:
            self._repeats.pop(lower, None)

    def __getitem__(self, key: str) -> V:
        return self._store[key.lower()][1]

    def __delitem__(self, key: str) -> None:
        lower = key.lower()
        del self._store[lower]
        if self._repeats:
            self._repeats.pop(lower, None)

    def __iter__(self) -> Iterator[str]:
        return (cased for cased, _ in self._store.values())

    def __len__(self) -> int:
        return len(self._store)

    def __contains__(self, key: object) -> bool:
        return isinstance(key, (str, bytes)) and key.lower() in self._store

    @overload
    def get(self, key: str, /) -> V | None: ...
    @overload
    def get(self, key: str, /, default: V | D) -> V | D: ...
    def get(self, key: str, default: Any = None) -> Any:
        """The value of *key*, or *default*."""
        item = self._store.get(key.lower())
        return default if item is None else item[1]

    def add(self, key: str, value: V) -> None:
        """Add one more value for *key*, after those that it has."""
        lower = key.lower()
        present = self._store.get(lower)
        if present is None:
            self._store[lower] = (key, value)
            return
        if self._repeats is None:
            self._repeats = {}
        self._repeats.setdefault(lower, [present[1]]).append(value)
        separator: Any = b", " if isinstance(value, bytes) else ", "
        self._store[lower] = (present[0], cast(Any, present[1]) + separator + value)

    def getlist(self, key: str) -> list[V]:
        """Every value of *key* in the order in which it was added; empty when there is none."""
        lower = key.lower()
        if self._repeats and lower in self._repeats:
            return list(self._repeats[lower])
        present = self._store.get(lower)
        return [] if present is None else [present[1]]

    def lower_items(self) -> Iterator[tuple[str, V]]:
        """Like `items()`, with the keys in lower case."""
        return ((lower, value) for lower, (_, value) in self._store.items())

    def multi_items(self) -> Iterator[tuple[str, V]]:
        """Like `items()`, with one pair for each repeat."""
        for lower, (cased, value) in self._store.items():
            if self._repeats and lower in self._repeats:
                yield from ((cased, repeat) for repeat in self._repeats[lower])
            else:
                yield cased, value

    def copy(self) -> CaseInsensitiveDict[V]:
        """A copy that shares no state with this one."""
        if type(self) is CaseInsensitiveDict:
            twin = _new(CaseInsensitiveDict)
            twin._approved = self._approved
        else:
            twin = type(self).__new__(type(self))
            twin.__dict__.update(self.__dict__)
        twin._store = self._store.copy()
        twin._repeats = {k: list(v) for k, v in self._repeats.items()} if self._repeats else None
        return twin

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Mapping):
            return NotImplemented
        theirs = other if isinstance(other, CaseInsensitiveDict) else CaseInsensitiveDict(other)
        return dict(self.lower_items()) == dict(theirs.lower_items())

    __hash__ = None  # type: ignore[assignment]  # mutable, as a dict is

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update({"_repeats": None, **state, "_approved": None})

    def __repr__(self) -> str:
        """As of a dict, but the values of fields that carry secrets are not shown: it ends up in logs."""
        return str({name: HIDDEN if is_secret_name(name) else value for name, value in self.items()})


class LookupDict(dict[str, Any]):
    """A mapping whose keys are attributes as well. Subscription gives None for a key that does not exist."""

    name: str | None

    def __init__(self, name: str | None = None) -> None:
        self.name = name
        super().__init__()

    if TYPE_CHECKING:

        def __getattr__(self, key: str) -> Any: ...

    def __getitem__(self, key: str) -> Any:
        return self.__dict__.get(key)

    def get(self, key: str, default: Any = None) -> Any:
        """The value of *key*, or *default*."""
        return self.__dict__.get(key, default)

    def __repr__(self) -> str:
        return f"<lookup '{self.name}'>"


def to_key_val_list(value: Any) -> list[tuple[Any, Any]] | None:
    """The pairs of a mapping, or of an iterable of pairs, as a list; None stays None.

    Raises ValueError for a str, bytes, bool or int, whose items are no pairs.
    """
    if value is None:
        return None
    if isinstance(value, (str, bytes, bool, int)):
        raise ValueError(f"cannot read key and value pairs from {type(value).__name__} {str(value)[:40]!r}")
    return list(value.items() if isinstance(value, Mapping) else value)


def from_key_val_list(value: Any) -> dict[Any, Any] | None:
    """An insertion-ordered dict of the pairs of *value*; None stays None. Errors as `to_key_val_list`."""
    pairs = to_key_val_list(value)
    return None if pairs is None else dict(pairs)
