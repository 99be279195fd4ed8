"""A request as a command line for curl, to be shown to people and run by them in a POSIX shell such as bash.

Whatever is in the request, the command is one line and one command: each argument is quoted, and what a terminal would
obey is written as an escape. Without being asked for them it has no secrets in it, as far as names tell what is one.
"""

from __future__ import annotations

import json
import os
import shlex
from typing import Any

from ._message import fields, secrets, urls

__all__ = ["command"]

_LONGEST_ARGUMENT = 100_000
_DEEPEST = 50


def command(request: Any, show_secrets: bool) -> str:
    """The command for the prepared *request*; see `PreparedRequest.to_curl`."""
    words: list[str | bytes] = ["curl"]
    method = request.method or "GET"
    if method == "HEAD":
        words.append("--head")
    elif method != "GET" or request.body is not None:
        words += ("-X", method)
    url = request.url or ""
    if any(mark in url for mark in "[]{}"):
        words.append("--globoff")
    words.append(url if show_secrets else _public_url(url))
    for field in _fields(request, show_secrets):
        words += ("-H", field)
    words += _body(request, show_secrets)
    return " ".join(map(_quote, words))


def _public_url(url: str) -> str:
    return urls.redact(url, limit=max(len(url) + 100, 100))


def _fields(request: Any, show_secrets: bool) -> list[bytes]:
    """Fields as curl's -H takes them, with those left out that curl would add by itself (`Name:`)."""
    written: list[bytes] = []
    of_auth = getattr(request, "_auth_fields", ())
    names = set()
    for name, value in (
        request.headers.multi_items() if hasattr(request.headers, "multi_items") else request.headers.items()
    ):
        lower = name.lower()
        names.add(lower)
        if request.body is not None and lower in ("content-length", "transfer-encoding"):
            continue
        shown = (
            value
            if show_secrets
            else fields.redact_field(name, value if isinstance(value, bytes) else str(value))
        )
        if not show_secrets and lower in of_auth and not fields.is_secret_field(name):
            shown = secrets.HIDDEN
        octets = shown if isinstance(shown, bytes) else str(shown).encode("latin-1", "replace")
        written.append(name.encode("latin-1") + (b": " + octets if octets else b";"))
    unwanted = ["user-agent", "accept"] + (["content-type"] if request.body is not None else [])
    return written + [f"{name.title()}:".encode() for name in unwanted if name not in names]


def _body(request: Any, show_secrets: bool) -> list[str | bytes]:
    body = request.body
    if body is None or body in (b"", ""):
        return [] if body is None else ["--data-raw", ""]
    if isinstance(body, (bytes, bytearray)):
        try:
            body = bytes(body).decode("utf-8")
        except UnicodeDecodeError:
            return ["--data-binary", "@-"]
    if isinstance(body, str):
        text = body if show_secrets else _public_body(body, str(request.headers.get("content-type") or ""))
        fits = "\0" not in text and len(text.encode("utf-8", "replace")) <= _LONGEST_ARGUMENT
        return ["--data-raw", text] if fits else ["--data-binary", "@-"]
    name = getattr(body, "name", None)
    if isinstance(name, str) and os.path.isfile(name):
        return ["--data-binary", f"@{'./' if name == '-' else ''}{name}"]
    return ["--data-binary", "@-"]


def _public_body(body: str, content_type: str) -> str:
    """*body* with the secrets hidden that have a name in a form or in JSON."""
    kind = content_type.lower()
    if "json" in kind:
        try:
            said = json.loads(body)
            public = _public(said)
            return body if public == said else json.dumps(public)
        except (ValueError, RecursionError):
            return secrets.HIDDEN
    return secrets.hide_parameters(body) if "form-urlencoded" in kind else body


def _public(value: Any, depth: int = 0) -> Any:
    if depth > _DEEPEST:
        return secrets.HIDDEN
    if isinstance(value, dict):
        return {
            name: secrets.HIDDEN if secrets.is_secret_parameter(name[:200]) else _public(inner, depth + 1)
            for name, inner in value.items()
        }
    return [_public(inner, depth + 1) for inner in value] if isinstance(value, list) else value


def _quote(word: str | bytes) -> str:
    """*word* as one word of a shell, readable where it can be."""
    octets = word if isinstance(word, bytes) else word.encode("utf-8", "surrogateescape")
    try:
        text = octets.decode("utf-8")
    except UnicodeDecodeError:
        text = ""
    if text.isprintable() and text.encode("utf-8") == octets:
        return shlex.quote(text)
    return f"$'{''.join(map(_escape, octets))}'"


def _escape(octet: int) -> str:
    if octet in b"\\'":
        return f"\\{chr(octet)}"
    if octet == 0x0A:
        return "\\n"
    # Octal, since it ends after three digits whatever follows.
    return chr(octet) if 0x20 <= octet < 0x7F else f"\\{octet:03o}"
