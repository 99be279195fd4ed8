"""How the documentation is built: Markdown pages by MyST, the reference from the docstrings, no network."""

from __future__ import annotations

import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from httpkit.__version__ import __version__

project = "httpkit"
author = "The httpkit developers"
copyright = f"2026, {author}"
version = release = __version__

extensions = ["myst_parser", "sphinx.ext.autodoc"]
source_suffix = {".md": "markdown"}
exclude_patterns = ["_build"]
root_doc = "index"

# Docstrings are written for readers of the source: `code` in single backquotes, *arguments* in italics.
default_role = "literal"
autodoc_default_options = {"members": True, "show-inheritance": True}
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_preserve_defaults = True
python_use_unqualified_type_names = True
add_module_names = False

myst_enable_extensions = ["deflist", "fieldlist"]
myst_heading_anchors = 3
# `Timeout` is two things, a policy and an error, each under the name that programs know: a signature cannot tell which.
suppress_warnings = ["ref.python"]

html_theme = "furo"
html_title = f"httpkit {version}"
html_show_sphinx = False
html_copy_source = False

LIST_ITEM = re.compile(r"\s*([-*]|\d+\.)\s")


def to_restructured_text(
    app: object, what: str, name: str, thing: object, options: object, lines: list[str]
) -> None:
    """Give the docstring's plain text the marks that reStructuredText needs: `::` before code, blanks before lists."""
    fixed: list[str] = []
    for line in lines:
        previous = fixed[-1] if fixed else ""
        if line[:1] not in ("", " "):
            if (
                LIST_ITEM.match(line)
                and previous
                and not previous.startswith(" ")
                and not LIST_ITEM.match(previous)
            ):
                fixed.append("")
        elif line.startswith("    ") and not previous and starts_code(fixed):
            fixed += ["::", ""]
        fixed.append(
            re.sub(r"(?<![\w*`\\])(\*\*?)(?=[\w]+\b(?!\*))", r"\\\1", line) if "**" in line else line
        )
    lines[:] = fixed


def starts_code(before: list[str]) -> bool:
    """Whether an indented line after *before* begins a block of code: what precedes it is a flush-left paragraph."""
    for line in reversed(before):
        if line:
            return not line.startswith(" ") and not LIST_ITEM.match(line) and not line.endswith("::")
    return False


def setup(app: object) -> None:
    app.connect("autodoc-process-docstring", to_restructured_text)  # type: ignore[attr-defined]
