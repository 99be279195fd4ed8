"""Saving the bodies of real servers."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

import httpkit
from tests.servers import READ_REQUEST, RawServer, RecordingServer, Reply

DISPOSITION = ("Content-Disposition", 'attachment; filename="../../evil.sh"')


def test_a_body_is_saved_while_it_arrives(serve: Callable[..., RecordingServer], tmp_path: Path) -> None:
    server = serve(Reply(200, [DISPOSITION], [b"0123456789" * 10_000] * 5))
    folder = tmp_path / "a" / "b"
    folder.mkdir(parents=True)
    with httpkit.get(server.url, stream=True, timeout=5) as response:
        saved = response.save(folder)
    assert (saved, saved.stat().st_size) == (folder / "evil.sh", 500_000)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [saved]


def test_a_body_that_breaks_off_leaves_no_file(serve_raw: Callable[..., RawServer], tmp_path: Path) -> None:
    server = serve_raw([READ_REQUEST, b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf"])
    with (
        httpkit.get(server.url, stream=True, timeout=5) as response,
        pytest.raises(httpkit.RequestException, match="ended early"),
    ):
        response.save(tmp_path, filename="whole.bin")
    assert os.listdir(tmp_path) == []


def test_a_body_that_is_too_large_leaves_no_file(
    serve: Callable[..., RecordingServer], tmp_path: Path
) -> None:
    server = serve(Reply(200, [], [b"0123456789"] * 1000))
    with httpkit.Session() as session:
        session.max_response_size = 5000
        with (
            session.get(server.url, stream=True, timeout=5) as response,
            pytest.raises(httpkit.exceptions.ResponseTooLarge),
        ):
            response.save(tmp_path / "file")
    assert os.listdir(tmp_path) == []
