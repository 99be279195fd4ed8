"""Hooks: callables that a program registers to see, or replace, a response.

One event exists, `response`. A hook is called with the response and the keyword arguments of the send; what
it returns takes the response's place unless it is None.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

__all__ = ["HOOKS", "default_hooks", "dispatch_hook"]

HOOKS = ["response"]


def default_hooks() -> dict[str, list[Callable[..., Any]]]:
    """A fresh registry with no hook in it."""
    registry: dict[str, list[Callable[..., Any]]] = {}
    for event in HOOKS:
        registry[event] = []
    return registry


def dispatch_hook(
    key: str,
    hooks: Mapping[str, Callable[..., Any] | Iterable[Callable[..., Any]] | None] | None,
    hook_data: Any,
    **kwargs: Any,
) -> Any:
    """Pass *hook_data* through the hooks registered for *key*, in order, and give back what comes out."""
    registered = hooks.get(key) if hooks else None
    if not registered:
        return hook_data
    for hook in [registered] if callable(registered) else registered:
        replacement = hook(hook_data, **kwargs)
        if replacement is not None:
            hook_data = replacement
    return hook_data
