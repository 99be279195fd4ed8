"""What the command line makes of its arguments, and how it writes files."""

from __future__ import annotations

import argparse
import io
import os
import stat
from contextlib import ExitStack
from pathlib import Path

import pytest

from httpkit import _cli
from httpkit._cli import BadUsageError, main
from httpkit.timeouts import Timeout


@pytest.mark.parametrize(
    "lines, fields",
    [
        (["Accept: text/html"], {"Accept": "text/html"}),
        (["X-A:1", "X-B:  2 "], {"X-A": "1", "X-B": "2"}),
        (["Referer: http://example.com:80/"], {"Referer": "http://example.com:80/"}),
        (["Accept: a", "Accept: b"], {"Accept": "a, b"}),
        (["User-Agent:"], {"User-Agent": None}),
    ],
    ids=["one", "blanks", "colon in the value", "repeats are joined, RFC 9110 5.3", "no value leaves out"],
)
def test_fields_are_read_as_name_and_value(lines: list[str], fields: dict[str, str | None]) -> None:
    assert _cli._headers(lines) == fields


@pytest.mark.parametrize("line", ["Accept", "", ": value", "Accept text/html"])
def test_a_field_without_name_or_colon_is_bad_usage(line: str) -> None:
    with pytest.raises(BadUsageError, match="Name: value"):
        _cli._headers([line])


@pytest.mark.parametrize(
    "given, timeout",
    [("2", Timeout(2, 2)), ("0.5", Timeout(0.5, 0.5)), ("1,30", Timeout(1, 30)), ("1, 2.5", Timeout(1, 2.5))],
)
def test_a_timeout_is_seconds_or_a_pair(given: str, timeout: Timeout) -> None:
    assert _cli._timeout(given) == timeout


@pytest.mark.parametrize("given", ["", "soon", "1,2,3", "1,", "0", "-1", "nan", "1;2"])
def test_any_other_timeout_is_refused(given: str) -> None:
    with pytest.raises(ValueError):
        _cli._timeout(given)


def body_of(stack: ExitStack, *arguments: str) -> tuple[object, str | None]:
    options: argparse.Namespace = _cli._parser().parse_args(["http://localhost/", *arguments])
    return _cli._body(options, stack)


@pytest.mark.parametrize(
    "arguments, body, content_type",
    [
        ([], None, None),
        (["-d", "a=1"], b"a=1", "application/x-www-form-urlencoded"),
        (["-d", "a=1", "-d", "b=2"], b"a=1&b=2", "application/x-www-form-urlencoded"),
        (["-d", ""], b"", "application/x-www-form-urlencoded"),
        (["-d", "naïve"], "naïve".encode(), "application/x-www-form-urlencoded"),
        (["--json", '{"a": [1, 2.50]}'], b'{"a": [1, 2.50]}', "application/json"),
        (["--json", '"ü"'], '"ü"'.encode(), "application/json"),
    ],
)
def test_text_is_sent_as_it_was_written(arguments: list[str], body: object, content_type: str | None) -> None:
    with ExitStack() as stack:
        assert body_of(stack, *arguments) == (body, content_type)


@pytest.mark.parametrize("given", ["", "{", "{'a': 1}", "NaN", "[Infinity]", "@missing.json"])
def test_what_is_no_json_is_bad_usage(given: str) -> None:
    with ExitStack() as stack, pytest.raises(BadUsageError):
        body_of(stack, "--json", given)


def test_json_and_data_come_from_files(tmp_path: Path) -> None:
    path = tmp_path / "body.json"
    path.write_bytes(b'{"a": 1}')
    with ExitStack() as stack:
        assert body_of(stack, "--json", f"@{path}") == (b'{"a": 1}', "application/json")
        file, content_type = body_of(stack, "-d", f"@{path}")
        assert isinstance(file, io.BufferedReader)
        assert (file.read(), content_type) == (b'{"a": 1}', None)
    assert file.closed


def test_a_file_is_the_whole_body() -> None:
    with ExitStack() as stack, pytest.raises(BadUsageError, match="whole body"):
        body_of(stack, "-d", "a=1", "-d", "@file")


def test_a_pipe_is_read_piece_by_piece() -> None:
    read, write = os.pipe()
    with open(read, "rb") as pipe, open(write, "wb", buffering=0) as end:
        stream = iter(_cli.Stream(pipe))
        end.write(b"one")
        assert next(stream) == b"one"
        end.write(b"two")
        assert next(stream) == b"two"


@pytest.mark.parametrize(
    "text, shown",
    [
        ("plain text, ü", "plain text, ü"),
        ("\x1b[31mred", "\\x1b[31mred"),
        ("a\r\nb\tc", "a\\r\\nb\\tc"),
        ("\x9b1m", "\\x9b1m"),
    ],
)
def test_a_terminal_obeys_nothing_that_a_server_sends(text: str, shown: str) -> None:
    assert _cli._printable(text) == shown


# --- files


def test_a_file_appears_when_it_is_complete(tmp_path: Path) -> None:
    path = tmp_path / "out"
    with _cli._replacing(str(path)) as file:
        file.write(b"content")
        assert not path.exists()
    assert path.read_bytes() == b"content"
    assert os.listdir(tmp_path) == ["out"]


def test_after_an_error_everything_is_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "out"
    path.write_bytes(b"before")
    with pytest.raises(KeyboardInterrupt), _cli._replacing(str(path)) as file:
        file.write(b"half")
        raise KeyboardInterrupt
    assert path.read_bytes() == b"before"
    assert os.listdir(tmp_path) == ["out"]


def test_a_replaced_file_keeps_its_mode(tmp_path: Path) -> None:
    path = tmp_path / "out"
    path.write_bytes(b"before")
    path.chmod(0o640)
    with _cli._replacing(str(path)) as file:
        file.write(b"after")
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


def test_a_new_file_has_the_mode_that_the_umask_leaves(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        with _cli._replacing(str(tmp_path / "out")):
            pass
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "out").stat().st_mode) == 0o640


def test_the_target_of_a_link_is_replaced_and_not_the_link(tmp_path: Path) -> None:
    (tmp_path / "target").write_bytes(b"before")
    (tmp_path / "link").symlink_to("target")
    path = _cli._output_path(str(tmp_path / "link"))
    assert path is not None
    with _cli._replacing(path) as file:
        file.write(b"after")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "target").read_bytes() == b"after"


def test_a_device_is_written_to_and_stays_a_device() -> None:
    with _cli._replacing(os.devnull) as file:
        file.write(b"gone")
    assert stat.S_ISCHR(os.stat(os.devnull).st_mode)


# --- usage


def test_help_and_version_exit_with_0(capsys: pytest.CaptureFixture[str]) -> None:
    from httpkit import __version__

    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"httpkit {__version__}\n"
    assert main(["--help"]) == 0
    assert "exit status: 0 answered" in capsys.readouterr().out


@pytest.mark.parametrize(
    "arguments, complaint",
    [
        ([], "URL"),
        (["example.com"], "https://example.com"),
        (["localhost:8000/x"], "localhost:8000"),
        (["http://"], "no host"),
        (["http://localhost:port/"], "port"),
        (["mailto:someone@example.com"], "no adapter"),
        (["http://localhost/", "--json", "{"], "no JSON"),
        (["http://localhost/", "--json", "1", "-d", "a"], "not allowed with"),
        (["http://localhost/", "-H", "Accept"], "Name: value"),
        (["http://localhost/", "-H", "X-Ä: 1"], "header name"),
        (["http://localhost/", "-H", "X-A: \N{SNOWMAN}"], "X-A"),
        (["http://localhost/", "-X", "GET IT"], "method"),
        (["http://localhost/", "--timeout", "soon"], "soon"),
        (["http://localhost/", "--timeout", "0"], "more than 0"),
        (["http://localhost/", "-d", "@missing"], "missing"),
        (["http://localhost/", "-o", "."], "directory"),
        (["http://localhost/", "-o", "missing/out"], "no directory"),
        (["http://localhost/", "--cacert", "missing.pem"], "missing.pem"),
        (["http://localhost/", "--proxy", "gopher://localhost"], "proxy"),
        (["http://localhost/", "--unknown"], "--unknown"),
        (["http://localhost/", "http://localhost/"], "unrecognized"),
        (["tour", "-v"], "no arguments"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_bad_usage_exits_with_2_and_says_what_is_wrong(
    arguments: list[str], complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert complaint in captured.err
    assert "Traceback" not in captured.err


def test_an_interruption_exits_as_a_shell_expects(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*arguments: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(_cli, "_run", interrupted)
    assert main(["http://localhost/"]) == 130
