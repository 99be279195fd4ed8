"""Fuzz the HTTP/1.1 codec: `python -m tests.fuzz.http11 CORPUS_DIRECTORY [libFuzzer options]`.

A finding is a file that libFuzzer writes. Keep it in tests/unit/http11_regressions/, under a name that says what is
wrong and ends in `.bin`: from then on the unit tests run it.
"""

from __future__ import annotations

import sys

import atheris  # type: ignore[import-not-found,unused-ignore]  # optional, and not on every platform

with atheris.instrument_imports(include=["httpkit._wire"]):
    from tests.fuzz.exchange import check


def main() -> None:
    """Run until something is found or the options say stop."""
    atheris.Setup(sys.argv, check)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
