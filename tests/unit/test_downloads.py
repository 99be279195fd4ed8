"""A file is called what is safe, lies where the program said, and is whole or not there."""

from __future__ import annotations

import os
import stat
import sys
import unicodedata
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from httpkit import RequestException, Response, _downloads
from httpkit._downloads import LONGEST_NAME, safe_name, suggested_name
from httpkit.structures import CaseInsensitiveDict


def answer(
    disposition: str | None = None, url: str = "https://a.test/dir/page.html?q=1#f", body: Any = b"body"
) -> Any:
    response = Response()
    response.status_code = 200
    response.url = url
    if disposition is not None:
        response.headers = CaseInsensitiveDict({"Content-Disposition": disposition})
    response._content = body
    response._content_consumed = True
    return response


@pytest.mark.parametrize(
    "disposition, name",
    [
        pytest.param('attachment; filename="report.pdf"', "report.pdf", id="RFC 6266 quoted"),
        pytest.param("attachment; filename=report.pdf", "report.pdf", id="RFC 6266 token"),
        pytest.param("inline; filename=a b.pdf", "a b.pdf", id="not quoted with a blank"),
        pytest.param("ATTACHMENT; FileName=report.pdf", "report.pdf", id="any case"),
        pytest.param(
            "attachment; filename=x; filename*=UTF-8''%e2%82%ac.txt", "€.txt", id="RFC 8187 goes first"
        ),
        pytest.param(
            "attachment; filename*=iso-8859-1'en'%A3.txt; filename=x", "£.txt", id="RFC 8187 latin-1"
        ),
        pytest.param(
            "attachment; filename*=UTF-8''%ff.txt; filename=x", "x", id="not the charset that it says"
        ),
        pytest.param(
            "attachment; filename*=koi8-r''%ff.txt; filename=x", "x", id="a charset that RFC 8187 lacks"
        ),
        pytest.param("attachment; filename*=x.txt; filename=y", "y", id="no extended value"),
        pytest.param('attachment; filename="a;b.txt"; x=y', "a;b.txt", id="semicolon in quotes"),
        pytest.param('attachment; filename="a\\"b.txt"', "a_b.txt", id="quote in quotes"),
        pytest.param('attachment; filename="na\xc3\xafve.txt"', "naïve.txt", id="UTF-8 in the field"),
        pytest.param('attachment; filename="na\xefve.txt"', "naïve.txt", id="ISO-8859-1 in the field"),
        pytest.param("attachment; filename=a; filename=b", "a", id="the first of several"),
        pytest.param("attachment", "page.html", id="none: the URL"),
        pytest.param(None, "page.html", id="no field: the URL"),
        pytest.param("attachment; filename=", "page.html", id="an empty one: the URL"),
        pytest.param("attachment; filename=" + "a" * 70_000, "page.html", id="a field that is too long"),
        pytest.param('attachment; filename="/etc/passwd"', "passwd", id="CVE-2019-20916 absolute"),
        pytest.param(
            'attachment; filename="../../.ssh/authorized_keys"', "authorized_keys", id="CVE-2019-20916 up"
        ),
        pytest.param("attachment; filename*=UTF-8''..%2F..%2F.bashrc", "bashrc", id="CVE-2019-20916 encoded"),
        pytest.param("attachment; filename=.curlrc", "curlrc", id="CVE-2020-8177 hidden"),
    ],
)
def test_the_server_suggests_a_name(disposition: str | None, name: str) -> None:
    assert suggested_name(answer(disposition)) == name


@pytest.mark.parametrize(
    "url, name",
    [
        ("https://a.test/x/y.tar.gz", "y.tar.gz"),
        ("https://a.test/x/", "download"),
        ("https://a.test", "download"),
        ("https://a.test/..%2f..%2fetc%2fpasswd", "passwd"),
        ("https://a.test/%2e%2e", "download"),
        ("https://a.test/%E2%82%AC", "€"),
        ("https://a.test/%FF", "\N{REPLACEMENT CHARACTER}"),
        ("https://a.test/a%00b%0a.txt", "ab.txt"),
        ("https://[broken", "download"),
        (None, "download"),
    ],
)
def test_without_one_the_url_does(url: Any, name: str) -> None:
    assert suggested_name(answer(url=url)) == name


@pytest.mark.parametrize(
    "given_name, name",
    [
        pytest.param("plain.txt", "plain.txt", id="plain"),
        pytest.param("two words (1).txt", "two words (1).txt", id="blanks and parentheses"),
        pytest.param("C:\\Windows\\evil.dll", "evil.dll", id="path of Windows"),
        pytest.param("C:evil.txt", "C_evil.txt", id="drive without separator"),
        pytest.param("file.txt:stream", "file.txt_stream", id="alternate data stream"),
        pytest.param('a<b>"c|d?e*.txt', "a_b__c_d_e_.txt", id="what Windows takes in no name"),
        pytest.param("...hidden", "hidden", id="leading dots"),
        pytest.param(" .\u00a0. x", "x", id="leading dots and blanks"),
        pytest.param("name. . ", "name", id="trailing dots and blanks"),
        pytest.param("..", "download", id="the directory above"),
        pytest.param(".", "download", id="the directory"),
        pytest.param("", "download", id="nothing"),
        pytest.param("a/", "a", id="a directory"),
        pytest.param("a\x00b\r\nc\x1b[31m.txt", "abc[31m.txt", id="controls"),
        pytest.param("photo\u202egpj.exe", "photogpj.exe", id="CVE-2021-42574 bidi"),
        pytest.param("a\u200bb\ufeffc\u2028d", "abcd", id="zero width and ends of lines"),
        pytest.param("x\ud800y", "xy", id="lone surrogate"),
        pytest.param("-rf", "_rf", id="option"),
        pytest.param("CON", "_CON", id="device"),
        pytest.param("nul.tar.gz", "_nul.tar.gz", id="device with a suffix"),
        pytest.param("com1 .txt", "_com1 .txt", id="device and a blank"),
        pytest.param("LPT\u00b9", "_LPT\u00b9", id="device with a superscript"),
        pytest.param("conference.txt", "conference.txt", id="no device"),
        pytest.param("e\u0301.txt", "\u00e9.txt", id="composed"),
        pytest.param("a" * 300 + ".pdf", "a" * 196 + ".pdf", id="too long keeps its suffix"),
        pytest.param("\u20ac" * 100, "\u20ac" * 66, id="cut between characters"),
        pytest.param("a" * 300 + "." + "b" * 300, "a" * 200, id="a suffix that is none"),
    ],
)
def test_a_name_is_one_safe_component(given_name: str, name: str) -> None:
    assert safe_name(given_name) == name


NAMES = st.one_of(
    st.text(max_size=300),
    st.text(alphabet="./\\:-~ \u202e\x00aCON1€\u0301", max_size=30),
    st.text(alphabet=st.characters(min_codepoint=0x300, max_codepoint=0x1100), max_size=300),
)


@given(NAMES)
def test_any_name_is_safe_and_stays_what_it_is(name: str) -> None:
    safe = safe_name(name)
    assert safe_name(safe) == safe
    assert safe not in ("", ".", "..")
    assert not set(safe) & set('/\\:*?"<>|\x00')
    assert safe[0] not in "-."
    assert safe[-1] not in ". "
    assert len(safe.encode("utf-8")) <= LONGEST_NAME + 1
    assert {unicodedata.category(char) for char in safe}.isdisjoint({"Cc", "Cf", "Cs", "Zl", "Zp"})
    assert Path("folder", safe).parent == Path("folder")


class TestSaving:
    def test_into_a_directory_it_has_the_suggested_name(self, tmp_path: Path) -> None:
        assert answer("attachment; filename=a.txt").save(tmp_path) == tmp_path / "a.txt"
        assert (tmp_path / "a.txt").read_bytes() == b"body"
        assert os.listdir(tmp_path) == ["a.txt"], "and nothing is left besides"

    def test_a_filename_of_the_program_goes_first(self, tmp_path: Path) -> None:
        assert answer("attachment; filename=a.txt").save(tmp_path, filename="b.txt") == tmp_path / "b.txt"

    @pytest.mark.parametrize("name", ["../b", "a/b", "C:b", ".b", "", "a\n", "-x"])
    def test_a_filename_that_is_no_plain_name_is_refused(self, tmp_path: Path, name: str) -> None:
        with pytest.raises(ValueError, match="not the plain name of a file"):
            answer().save(tmp_path, filename=name)
        assert os.listdir(tmp_path) == []

    def test_a_path_that_is_no_directory_is_the_file(self, tmp_path: Path) -> None:
        path = tmp_path / ".hidden -name"
        assert answer("attachment; filename=a.txt").save(str(path)) == path
        assert path.read_bytes() == b"body"

    def test_nothing_is_overwritten_unless_told(self, tmp_path: Path) -> None:
        (tmp_path / "a.txt").write_bytes(b"precious")
        response = answer("attachment; filename=a.txt")
        with pytest.raises(FileExistsError, match="overwrite=True") as caught:
            response.save(tmp_path)
        assert isinstance(caught.value, RequestException)
        assert caught.value.response is response
        assert (tmp_path / "a.txt").read_bytes() == b"precious"
        assert response.save(tmp_path, overwrite=True).read_bytes() == b"body"
        assert os.listdir(tmp_path) == ["a.txt"]

    def test_nothing_is_read_where_nothing_can_be_written(self, tmp_path: Path) -> None:
        def pieces(size: int) -> Any:
            raise AssertionError("asked for the body")

        (tmp_path / "a.txt").write_bytes(b"precious")
        response = SimpleNamespace(headers={}, url="https://a.test/a.txt", iter_content=pieces)
        with pytest.raises(FileExistsError):
            _downloads.save(response, tmp_path, None, False)

    @pytest.mark.parametrize("links", [True, False], ids=["links", "no links"])
    def test_nor_is_what_appears_meanwhile(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, links: bool
    ) -> None:
        def pieces(size: int) -> Any:
            yield b"body"
            (tmp_path / "a.txt").write_bytes(b"precious")

        if not links:
            monkeypatch.setattr(os, "link", refuse)
        response = SimpleNamespace(headers={}, url="https://a.test/a.txt", iter_content=pieces)
        with pytest.raises(FileExistsError):
            _downloads.save(response, tmp_path, None, False)
        assert (tmp_path / "a.txt").read_bytes() == b"precious"
        assert os.listdir(tmp_path) == ["a.txt"]

    def test_a_file_system_without_links_will_do(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(os, "link", refuse)
        assert answer().save(tmp_path).read_bytes() == b"body"
        assert os.listdir(tmp_path) == ["page.html"]

    @pytest.mark.skipif(sys.platform == "win32", reason="links need a privilege there")
    @pytest.mark.parametrize("dangling", [True, False])
    def test_a_symbolic_link_is_not_followed(self, tmp_path: Path, dangling: bool) -> None:
        folder, outside = tmp_path / "folder", tmp_path / "outside.txt"
        folder.mkdir()
        if not dangling:
            outside.write_bytes(b"precious")
        (folder / "page.html").symlink_to(outside)
        with pytest.raises(FileExistsError):
            answer().save(folder)
        saved = answer().save(folder, overwrite=True)
        assert not saved.is_symlink()
        assert saved.read_bytes() == b"body"
        assert not outside.exists() if dangling else outside.read_bytes() == b"precious"

    @pytest.mark.parametrize(
        "error", [RequestException("broken"), KeyboardInterrupt()], ids=["error", "interrupt"]
    )
    def test_what_breaks_off_leaves_nothing(self, tmp_path: Path, error: BaseException) -> None:
        def pieces(size: int) -> Any:
            yield b"half"
            raise error

        response = SimpleNamespace(headers={}, url="https://a.test/a.txt", iter_content=pieces)
        (tmp_path / "a.txt").write_bytes(b"before")
        with pytest.raises(type(error)):
            _downloads.save(response, tmp_path, None, True)
        assert os.listdir(tmp_path) == ["a.txt"]
        assert (tmp_path / "a.txt").read_bytes() == b"before"

    def test_what_the_system_refuses_is_an_error_of_ours(self, tmp_path: Path) -> None:
        with pytest.raises(RequestException, match=r"cannot write '.*nowhere"):
            answer().save(tmp_path / "nowhere" / "file")
        (tmp_path / "page.html").mkdir()
        with pytest.raises(RequestException, match="cannot write"):
            answer().save(tmp_path, overwrite=True)
        assert os.listdir(tmp_path) == ["page.html"]

    def test_it_is_written_piece_by_piece(self, tmp_path: Path) -> None:
        sizes: list[int] = []

        def pieces(size: int) -> Any:
            for _ in range(3):
                (part,) = tmp_path.glob(".*.part")
                sizes.append(part.stat().st_size)
                yield b"x" * size

        response = SimpleNamespace(headers={}, url="https://a.test/a.bin", iter_content=pieces)
        assert _downloads.save(response, tmp_path, None, False).stat().st_size == 3 * 65536
        assert sizes == [0, 65536, 131072] or sizes[-1] > 0

    @pytest.mark.skipif(sys.platform == "win32", reason="permissions of POSIX")
    def test_permissions_are_those_of_any_new_file(self, tmp_path: Path) -> None:
        (tmp_path / "plain").write_bytes(b"")
        saved = answer().save(tmp_path)
        assert stat.S_IMODE(saved.stat().st_mode) == stat.S_IMODE((tmp_path / "plain").stat().st_mode)


def refuse(*given: Any) -> None:
    raise PermissionError(1, "no links here")
