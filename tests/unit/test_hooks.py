"""Hooks: callables that see a response, and may put another in its place."""

from __future__ import annotations

from typing import Any

import pytest

from httpkit.hooks import HOOKS, default_hooks, dispatch_hook


def test_there_is_one_event() -> None:
    assert HOOKS == ["response"]
    assert default_hooks() == {"response": []}


def test_registries_are_not_shared() -> None:
    default_hooks()["response"].append(print)
    assert default_hooks() == {"response": []}


def shout(value: str, **kwargs: Any) -> str:
    return value + "!"


def look(value: str, **kwargs: Any) -> None:
    return None


@pytest.mark.parametrize(
    ("hooks", "result"),
    [
        (None, "data"),
        ({}, "data"),
        ({"response": []}, "data"),
        ({"response": None}, "data"),
        ({"other": [shout]}, "data"),
        ({"response": shout}, "data!"),
        ({"response": [shout, shout]}, "data!!"),
        ({"response": (shout, look)}, "data!"),
        ({"response": [look, shout]}, "data!"),
        ({"response": iter([shout])}, "data!"),
    ],
    ids=[
        "no registry",
        "empty",
        "no hooks",
        "None",
        "other event",
        "callable",
        "chain",
        "None keeps",
        "look",
        "iterator",
    ],
)
def test_data_passes_through_the_hooks_in_order(hooks: Any, result: str) -> None:
    assert dispatch_hook("response", hooks, "data") == result


def test_hooks_get_the_keywords_of_the_send() -> None:
    seen: dict[str, Any] = {}
    dispatch_hook(
        "response", {"response": lambda data, **kwargs: seen.update(kwargs)}, "data", stream=True, cert=None
    )
    assert seen == {"stream": True, "cert": None}


@pytest.mark.parametrize("falsy", [0, "", False, []], ids=repr)
def test_only_none_leaves_the_data_as_it_is(falsy: Any) -> None:
    assert dispatch_hook("response", {"response": lambda data, **kwargs: falsy}, "data") == falsy


def test_what_a_hook_raises_is_the_callers_to_see() -> None:
    def refuse(data: object, **kwargs: Any) -> None:
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        dispatch_hook("response", {"response": refuse}, "data")
