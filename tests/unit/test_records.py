"""Records against frozen dataclasses with the same parts: whatever a program asks of one, the other answers alike."""

from __future__ import annotations

import copy
import dataclasses
import inspect
import pickle
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

from httpkit._records import _Field, _made
from tests.servers import RecordingServer


class Point:
    """A point."""

    x: float
    y: float = 0.0
    label: str | None = None

    def __post_init__(self) -> None:
        if self.x < 0:
            raise ValueError("x")

    @property
    def mirrored(self) -> Point:
        return dataclasses.replace(self, x=self.y, y=self.x)  # type: ignore[type-var]  # it is one by then


class Named:
    also: tuple[str, ...] = ()
    more: int = 1


def classes(which: str) -> Callable[..., Any]:
    """How one of both kinds is made of a class, which is copied first."""

    def made(cls: type, *, kw_only: bool = False, **instead: Any) -> Any:
        body = {name: value for name, value in vars(cls).items() if name not in ("__dict__", "__weakref__")}
        twin: Any = type(cls.__name__, cls.__bases__, {**body, **instead, "__qualname__": cls.__name__})
        if which == "record":
            return _made(twin, kw_only)
        return dataclasses.dataclass(frozen=True, kw_only=kw_only)(twin)

    return made


@pytest.fixture(params=["record", "dataclass"])
def make(request: pytest.FixtureRequest) -> Callable[..., Any]:
    return classes(request.param)


@pytest.fixture
def point(make: Callable[..., Any]) -> Any:
    return make(Point)


def test_parts_by_position_and_by_name(point: Any) -> None:
    one = point(1, label="a")
    assert (one.x, one.y, one.label) == (1, 0.0, "a")
    assert point(1, 0.0, "a") == one == point(label="a", x=1)
    assert (point.y, point.label) == (0.0, None)
    assert not hasattr(point, "x")


@pytest.mark.parametrize(
    ("values", "named", "fault"),
    [
        ((), {}, "x"),
        ((), {"y": 1}, "x"),
        ((1, 2, "a", 4), {}, "position|takes"),
        ((1,), {"x": 2}, "x"),
        ((1,), {"z": 2}, "z"),
    ],
)
def test_wrong_arguments_are_a_type_error_that_names_them(
    point: Any, values: Any, named: Any, fault: str
) -> None:
    with pytest.raises(TypeError, match=fault):
        point(*values, **named)


def test_parts_by_name_only(make: Callable[..., Any]) -> None:
    named = make(Named, kw_only=True)
    assert named(more=2) == named(also=(), more=2)
    assert named.__match_args__ == ()
    with pytest.raises(TypeError, match="position"):
        named(("a",))


def test_they_are_checked_when_they_are_made(point: Any) -> None:
    with pytest.raises(ValueError, match="x"):
        point(-1)
    with pytest.raises(ValueError, match="x"):
        dataclasses.replace(point(1), x=-1)


def test_equal_and_hashed_by_class_and_parts(make: Callable[..., Any]) -> None:
    point, other = make(Point), make(Point)
    assert point(1, 2) == point(1, 2)
    assert point(1, 2) != point(2, 1)
    assert point(1, 2) != other(1, 2)
    assert point(1, 2) != (1, 2, None)
    assert hash(point(1, 2)) == hash(point(1.0, 2)) != hash(point(2, 1))
    assert len({point(1), point(1), point(2)}) == 2


def test_shown_as_it_is_made(point: Any) -> None:
    assert repr(point(1, label="a")) == "Point(x=1, y=0.0, label='a')"


@pytest.mark.parametrize("name", ["x", "unknown"])
def test_it_never_changes(point: Any, name: str) -> None:
    one = point(1)
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(one, name, 2)
    with pytest.raises(AttributeError):
        delattr(one, name)
    assert one == point(1)


def test_dataclasses_knows_it(point: Any) -> None:
    one = point(1, 2)
    assert dataclasses.is_dataclass(one)
    assert dataclasses.is_dataclass(point)
    assert [(each.name, each.default) for each in dataclasses.fields(point)] == [
        ("x", dataclasses.MISSING),
        ("y", 0.0),
        ("label", None),
    ]
    assert dataclasses.asdict(one) == {"x": 1, "y": 2, "label": None}
    assert dataclasses.astuple(one) == (1, 2, None)
    assert dataclasses.replace(one, y=3) == point(1, 3)
    assert point(1, 2).mirrored == point(2, 1)
    with pytest.raises(TypeError):
        dataclasses.replace(one, z=3)


def test_copy_knows_it(point: Any) -> None:
    one = point(1, 2)
    assert copy.copy(one) == copy.deepcopy(one) == one
    if sys.version_info >= (3, 13):
        assert copy.replace(one, y=3) == point(1, 3)


def test_inspect_knows_it(point: Any, make: Callable[..., Any]) -> None:
    assert (
        str(inspect.signature(point)) == "(x: 'float', y: 'float' = 0.0, label: 'str | None' = None) -> None"
    )
    assert [each.kind.name for each in inspect.signature(make(Named, kw_only=True)).parameters.values()] == [
        "KEYWORD_ONLY",
        "KEYWORD_ONLY",
    ]


def test_it_can_be_matched(point: Any) -> None:
    match point(1, 2):
        case object(x=1, y=y):
            assert y == 2
    assert point.__match_args__ == ("x", "y", "label")


def test_a_dataclass_can_be_derived_from_it(point: Any) -> None:
    derived: Any = dataclasses.dataclass(frozen=True)(
        type("Derived", (point,), {"__annotations__": {"z": "int"}, "z": 3})
    )
    one = derived(1, z=4)
    assert dataclasses.astuple(one) == (1, 0.0, None, 4)
    assert one == derived(1, 0.0, None, 4) != point(1)
    with pytest.raises(ValueError, match="x"):
        derived(-1)
    with pytest.raises(TypeError, match="frozen"):
        dataclasses.dataclass(type("Thawed", (point,), {"__annotations__": {"z": "int"}, "z": 3}))


def test_a_class_can_be_derived_from_it(point: Any) -> None:
    derived: Any = type("Derived", (point,), {})
    one = derived(1)
    one.more = 5
    assert one.more == 5
    del one.more
    assert not hasattr(one, "more")
    with pytest.raises(dataclasses.FrozenInstanceError):
        one.x = 2
    assert one == derived(1) != point(1)
    assert repr(one) == "Derived(x=1, y=0.0, label=None)"
    assert type(dataclasses.replace(one, y=2)) is derived


def test_arguments_of_a_subclass_are_its_own(point: Any) -> None:
    def start(self: Any, seconds: float) -> None:
        point.__init__(self, seconds)

    def called(self: Any, a: int, b: int) -> None: ...

    of_init: Any = type("OfInit", (point,), {"__init__": start, "__call__": called})
    of_new: Any = type("OfNew", (point,), {"__new__": lambda cls, seconds: object.__new__(cls)})
    parts = {"__annotations__": {"z": "int"}, "z": 3}
    derived: Any = dataclasses.dataclass(frozen=True)(type("Derived", (point,), parts))
    assert list(inspect.signature(of_init).parameters) == ["seconds"]
    assert list(inspect.signature(of_init(1)).parameters) == ["a", "b"]
    assert list(inspect.signature(of_new).parameters) == ["seconds"]
    assert list(inspect.signature(derived).parameters) == ["x", "y", "label", "z"]
    assert list(inspect.signature(type("Plain", (point,), {})).parameters) == ["x", "y", "label"]
    assert not hasattr(point(1), "__signature__")


def test_with_another_base_that_never_changes_neither_does(make: Callable[..., Any], point: Any) -> None:
    other = dataclasses.dataclass(frozen=True)(type("Other", (), {"__annotations__": {"o": "int"}, "o": 3}))
    both: Any = type("Both", (point, other), {})
    one = both(1)
    for name in ("x", "o"):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(one, name, 5)
        with pytest.raises(dataclasses.FrozenInstanceError):
            delattr(one, name)


def test_methods_of_its_own_stay(make: Callable[..., Any]) -> None:
    point = make(Point, __repr__=lambda self: "here")
    assert repr(point(1)) == "here"


class TestParts:
    """What `field` says, here and there."""

    @pytest.fixture(params=["record", "dataclass"])
    def running(self, request: pytest.FixtureRequest) -> Any:
        field: Any = _Field if request.param == "record" else dataclasses.field
        made = classes(request.param)
        base = made(Named)
        parts = {
            "__annotations__": {"clock": "float", "spent": "list[int]"},
            "clock": field(default=2.0, repr=False, compare=False),
            "spent": field(default_factory=list),
        }
        return made(type("Running", (base,), parts))

    def test_those_inherited_come_first(self, running: Any) -> None:
        assert [each.name for each in dataclasses.fields(running)] == ["also", "more", "clock", "spent"]
        assert running(("a",), 2, 3.0, [1]).clock == 3.0

    def test_a_factory_is_asked_for_each(self, running: Any) -> None:
        one, other = running(), running()
        assert one.spent == other.spent == []
        assert one.spent is not other.spent
        assert running.clock == 2.0
        assert not hasattr(running, "spent")

    def test_they_are_left_out_where_they_say_so(self, running: Any) -> None:
        assert repr(running()) == "Running(also=(), more=1, spent=[])"
        assert running(clock=5.0) == running(clock=6.0)
        assert running(spent=[1]) != running(spent=[2])
        [clock] = [each for each in dataclasses.fields(running) if each.name == "clock"]
        assert (clock.repr, clock.compare) == (False, False)


def test_those_of_the_package_travel() -> None:
    from httpkit._wire.heads import Limits
    from httpkit.redirects import SecretFields
    from httpkit.timeouts import Timeout

    for value in (Timeout(1, 2), Limits(fields=3), SecretFields(also=["X-Session-Id"])):
        assert pickle.loads(pickle.dumps(value)) == copy.deepcopy(value) == value


def test_a_record_that_changes_is_refused() -> None:
    from httpkit._records import record

    with pytest.raises(TypeError, match="frozen=True"):
        record(frozen=False)


def test_the_first_call_of_a_program_loads_no_dataclasses(server: RecordingServer) -> None:
    code = f"import sys, httpkit; assert httpkit.get({server.url!r}).ok; print('dataclasses' in sys.modules)"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "False"
