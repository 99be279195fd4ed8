"""How much a response may hold: a value with what the caller, the mount or the session said, and nothing measured.

Bodies are measured where they are decoded, in `_wire`; those of adapters that are not ours by `watch`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import cast

from .exceptions import ResponseTooLarge
from .timeouts import UNSET, Unset

__all__ = ["Bounds"]

#: As in `_wire.decoding`: no ratio is asked for before as many bytes of content.
_FREE = 8_388_608


@dataclass(frozen=True)
class Bounds:
    """Limits of the body of one response; None is no limit, UNSET leaves it to whoever is asked next.

    *size* counts bytes with content codings removed. *ratio* is how many times as many bytes as came over the
    wire they may be. Raises ValueError for a limit that is not positive.
    """

    size: int | Unset | None = UNSET
    ratio: float | Unset | None = UNSET

    def __post_init__(self) -> None:
        if not _is_limit(self.size, int):
            raise ValueError(f"max_response_size={self.size!r}: give a number of bytes, or None for no limit")
        if not _is_limit(self.ratio, (int, float)):
            raise ValueError(
                f"max_decompression_ratio={self.ratio!r}: give a number such as 500, or None for no limit"
            )

    @classmethod
    def of(cls, size: int | Unset | None, ratio: float | Unset | None) -> Bounds | None:
        """The bounds that were given, None when none were."""
        return None if size is UNSET and ratio is UNSET else cls(size, ratio)

    def over(self, other: Bounds | None) -> Bounds:
        """These, and those of *other* where these say nothing."""
        if other is None:
            return self
        return Bounds(
            other.size if self.size is UNSET else self.size,
            other.ratio if self.ratio is UNSET else self.ratio,
        )

    def watch(self, pieces: Iterable[bytes], wire: Callable[[], int] | None = None) -> Iterator[bytes]:
        """*pieces* until there are too many bytes of them; *wire* tells how many came, if anybody can tell."""
        size = self.size if isinstance(self.size, int) else None
        ratio = self.ratio if isinstance(self.ratio, (int, float)) else None
        total = 0
        for piece in pieces:
            total += len(piece)
            if size is not None and total > size:
                raise ResponseTooLarge.by_size(size, total)
            if ratio is not None and wire is not None and total > _FREE and total > ratio * wire():
                raise ResponseTooLarge.by_ratio(ratio, total, wire())
            yield piece


def _is_limit(value: object, kinds: type | tuple[type, ...]) -> bool:
    if value is None or value is UNSET:
        return True
    return isinstance(value, kinds) and not isinstance(value, bool) and cast(float, value) > 0
