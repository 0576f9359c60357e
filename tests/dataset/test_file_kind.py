"""Files that are not JSON Lines are recognised by their first bytes, whatever their names."""

import base64
import bz2
import csv
import gzip
import io
import json
import lzma
import pickle
import sqlite3
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sftc.dataset.check_files import check_files
from sftc.dataset.file_kind import HEAD, kind_of
from support.training_files import compressed

ROW = {"messages": [{"role": "user", "content": "2 + 2?"}, {"role": "assistant", "content": "4"}]}
LINE = json.dumps(ROW) + "\n"


def in_zip(data: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("rows.jsonl", data)
    return file.getvalue()


def in_tar(data: bytes) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("rows.jsonl"), io.BytesIO(data))
    return file.getvalue()


def database(folder: Path) -> bytes:
    with sqlite3.connect(folder / "rows.db") as connection:
        connection.execute("CREATE TABLE rows (question, answer)")
    connection.close()
    return (folder / "rows.db").read_bytes()


def table(delimiter: str) -> bytes:
    file = io.StringIO()
    csv.writer(file, delimiter=delimiter).writerows([["question", "answer"], ["2 + 2, or 4?", 'It is "4".']])
    return file.getvalue().encode()


TEXT = LINE.encode()
OTHERS: dict[str, list[bytes]] = {
    "gzip": [gzip.compress(TEXT)],
    "zstd": [compressed(TEXT)],
    "bz2": [bz2.compress(TEXT)],
    "xz": [lzma.compress(TEXT)],
    "zip": [in_zip(TEXT)],
    "tar": [in_tar(TEXT)],
    "parquet": [b"PAR1\x15\x04\x15\x90\x01PAR1"],
    "arrow-file": [b"ARROW1\0\0\xff\xff\xff\xff"],
    "arrow-stream": [b"\xff\xff\xff\xff\x10\0\0\0"],
    "pickle": [pickle.dumps(ROW, protocol=4)],
    "utf-16-le": [TEXT.decode().encode("utf-16"), TEXT.decode().encode("utf-16-le")],
    "utf-16-be": [b"\xfe\xff" + TEXT.decode().encode("utf-16-be"), TEXT.decode().encode("utf-16-be")],
    "utf-32-le": [TEXT.decode().encode("utf-32"), TEXT.decode().encode("utf-32-le")],
    "utf-32-be": [TEXT.decode().encode("utf-32-be")],
    "json-list": [
        json.dumps([ROW]).encode(),
        json.dumps([ROW, ROW], indent=2).encode(),
        b"[\n" + TEXT[:-1] + b",\n" + TEXT + b"]\n",
        b"\xef\xbb\xbf \n[]",
        json.dumps([ROW] * 2000).encode()[:HEAD],
    ],
    "json-lists": [
        (json.dumps(ROW["messages"]) + "\n").encode() * 2,
        (json.dumps([ROW]) + "\n\n").encode() * 2,
    ],
    "json": [
        json.dumps(ROW, indent=1).encode(),
        json.dumps({"rows": [ROW] * 2000}, indent=1).encode()[:HEAD],
        json.dumps({"text": "x" * HEAD}, indent=1).encode()[:HEAD],
    ],
    "csv": [
        table(","),
        table(";"),
        table("|"),
        b'question,answer\n"over\ntwo lines, with commas","a ""quoted"" word"\n',
    ],
    "tsv": [table("\t")],
    "binary": [
        lzma.compress(TEXT, format=lzma.FORMAT_ALONE),
        b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR",
        b"\x7fELF\x02\x01\x01\0",
        b"MZ\x90\0\3\0",
        b"PARE\x15\x04\x15\x90\n\x01",
        b'\x10\0\0\0\0\0\0\0{"a": {}}',
    ],
    "yaml": [
        b"- messages:\n  - role: user\n    content: Which bird?\n",
        b"messages:\n- role: user\n",
        b"---\n# rows\nquestion: Which bird?\nanswer: The tern.\n",
    ],
    "xml": [b"<?xml version='1.0'?>\n<Error><Code>AccessDenied</Code></Error>"],
    "text": [
        b"Which bird nests on the pier?\nThe tern.\n",
        b"# Birds\n\nNote: the tern nests on the pier.\n\nAnother line.\n",
        b"(lp0\nI1\naI2\na.",
        base64.b64encode(TEXT * 2)[:76] + b"\neyJtZXNzYWdlcyI6IFt7IA==\n",
    ],
    "html": [b"<!DOCTYPE html>\n<html>", b"\n<html lang=en>"],
    "toml": [b'[job]\nmodel = "m"\n', b'# a job\n\nschema_version = 2\n[job]\nmodel = "m"\n'],
    "git-lfs": [b"version https://git-lfs.github.com/spec/v1\n"],
}


@pytest.mark.parametrize("name", OTHERS)
def test_a_kind_is_recognised_and_is_one_error(name: str, tmp_path: Path) -> None:
    for data in OTHERS[name]:
        kind = kind_of(data[:HEAD])
        assert kind is not None
        assert kind.name == name
        path = tmp_path / "rows.jsonl"
        path.write_bytes(data)
        [checked] = check_files([str(path)])
        [found] = checked.findings
        assert (found.id, checked.ok, checked.digest) == ("not-json-lines", False, "")
        assert kind.title in found.message
        assert ("sftc dataset convert" in (found.help or "")) == (kind.is_convertible and not kind.suffix)
        assert found.help
        assert "UTF-8" not in found.message


def asked(question: str, answer: str, rows: int = 6) -> str:
    talk = [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]
    return (json.dumps({"messages": talk}, ensure_ascii=False) + "\n") * rows


ENCODED = {
    "Windows-1252": (asked("Où est le café près de l’hôtel ?", "À côté du « marché »."), "cp1252"),
    "GB18030": (asked("北京的天气怎么样?", "今天晴。最高气温二十度。"), "gb18030"),
    "EUC-KR": (asked("서울은 어디에 있습니까?", "한국의 수도이고 한강이 흐릅니다."), "cp949"),
    "Windows-1251": (asked("Где находится Москва и её Кремль?", "Это центр России."), "cp1251"),
}


@pytest.mark.parametrize("title", ENCODED)
def test_text_in_another_encoding_is_one_error_that_shows_how_it_would_read(
    title: str, tmp_path: Path
) -> None:
    text, codec = ENCODED[title]
    path = tmp_path / "my rows.jsonl"
    path.write_bytes(LINE.encode() + text.encode(codec))
    [found] = check_files([str(path)])[0].findings
    assert (found.id, found.message) == (
        "not-json-lines",
        f"the file is probably {title}, not JSON Lines",
    )
    new = tmp_path / "my rows.utf-8.jsonl"
    command = f"iconv -f {codec.upper()} -t UTF-8 '{path}' > '{new}'"
    assert f"; if that is right, run `{command}`" in str(found.help)
    shown = str(found.help).partition("line 2 then has `")[2].partition("`")[0]
    assert not shown.isascii()
    assert shown in text.splitlines()[0]


@pytest.mark.parametrize(
    ("text", "codec"),
    [
        (asked("東京はどこにありますか。", "日本の首都です。"), "shift_jis"),
        (asked("東京はどこにありますか。", "日本の首都です。"), "euc_jp"),
        (asked("臺北在哪裡?", "在臺灣的北部。是首都。"), "big5"),
        (asked("Где находится Москва и её Кремль?", "Это центр России."), "koi8-r"),
    ],
)
def test_an_encoding_that_is_not_recognised_is_not_guessed(text: str, codec: str, tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_bytes(text.encode(codec))
    [found] = check_files([str(path)])[0].findings
    assert found.message == "the file is in another encoding than UTF-8, not JSON Lines"
    assert found.help == "save it as UTF-8, for example with `iconv`"


def test_the_command_for_another_encoding_does_not_empty_the_file_that_it_reads(tmp_path: Path) -> None:
    path = tmp_path / "new.jsonl"
    text, codec = ENCODED["Windows-1252"]
    path.write_bytes(text.encode(codec))
    [found] = check_files([str(path)])[0].findings
    assert str(found.help).endswith(f" {path} > {tmp_path / 'new.utf-8.jsonl'}`")


def test_an_archive_in_another_encoding_has_no_command(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl.gz"
    path.write_bytes(gzip.compress(ENCODED["Windows-1252"][0].encode("cp1252")))
    [found] = check_files([str(path)])[0].findings
    assert str(found.help).endswith("; if that is right, convert it from CP1252 to UTF-8")


@pytest.mark.parametrize(
    "data",
    [
        asked("Où ?", "Là.", 4).encode("cp1252"),  # they may be the only ones
        asked("Où ?", "Là.").encode("cp1252") + asked("Où ?", "Là.", 1).encode(),
        "".join(asked("北京的天气怎么样?", "今天晴。最高气温二十度。"))
        .encode()
        .replace("度".encode(), b"\xe5\xba"),
        LINE.encode() * 1000 + asked("Où ?", "Là.").encode("cp1252"),
        asked("北京", "天气").encode() * 2000,
    ],
    ids=["few", "a row in UTF-8", "characters cut in two", "late", "the head cuts a character in two"],
)
def test_rows_are_not_called_another_encoding_without_reason(data: bytes) -> None:
    assert kind_of(data[:HEAD]) is None


def test_a_database_is_recognised(tmp_path: Path) -> None:
    kind = kind_of(database(tmp_path))
    assert kind
    assert kind.name == "sqlite"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\n",
        TEXT,
        TEXT * 3,
        b"\xef\xbb\xbf" + TEXT,
        b'{"messages": [{"role": "user", "content": "cut\n' + TEXT,
        b'{"messages": [{"role": "user"\n' + TEXT,
        b"{'messages': []}\n{'messages': []}\n",
        b'"a string"\n"another, string"\n',
        b"null\n",
        b"one line of text, with a comma",
        b"\x00\n\x00\n",
        b"\xff\n",
        b"1\n2\n",
        b"\0" * 100 + b"\n" + TEXT,
        b"# a comment\n" + TEXT,
        b"data: " + TEXT + b"data: " + TEXT,
        b"\x1e" + TEXT + b"\x1e" + TEXT,
        "\u00a0".encode() + TEXT + "\u00a0".encode() + TEXT,
        base64.b64encode(TEXT),
        TEXT[:-1] + b"," + b"\n" + TEXT,
        (json.dumps({"messages": "x" * HEAD}) + "\n").encode()[:HEAD],
        *(b"".join(b'{"%0*d":\n' % (size, at) for at in range(HEAD // size))[:HEAD] for size in (5, 100)),
    ],
)
def test_what_may_be_json_lines_is_checked_row_by_row(data: bytes) -> None:
    assert kind_of(data) is None


@given(st.binary(max_size=40) | st.text(max_size=40).map(str.encode))
def test_any_bytes_are_a_kind_or_none(data: bytes) -> None:
    kind = kind_of(data)
    assert kind is None or kind.name


@pytest.mark.parametrize(
    ("name", "pack"), [("a.jsonl.GZ", gzip.compress), ("a.Zst", compressed), ("a.jsonl.gz", gzip.compress)]
)
def test_an_archive_is_read_whatever_the_case_of_its_name(
    name: str, pack: Callable[[bytes], bytes], tmp_path: Path
) -> None:
    (tmp_path / name).write_bytes(pack(TEXT))
    [checked] = check_files([str(tmp_path / name)])
    assert (checked.findings, checked.rows, checked.length) == ((), 1, len(TEXT))


@pytest.mark.parametrize(
    ("data", "what", "help"),
    [
        (TEXT, "JSON Lines", "name it `a.jsonl`"),
        (compressed(TEXT), "Zstandard", "name it `a.jsonl.zst`"),
        (in_zip(TEXT), "a ZIP archive", "run `sftc dataset convert {path} --output new.jsonl`"),
    ],
)
def test_a_name_that_calls_a_file_gzip_that_is_not_is_an_error(
    data: bytes, what: str, help: str, tmp_path: Path
) -> None:
    path = tmp_path / "a.jsonl.gz"
    path.write_bytes(data)
    [found] = check_files([str(path)])[0].findings
    assert found.message == f"the file is named `.gz`, but it is {what}"
    assert found.help == help.format(path=path)


def test_a_file_that_is_compressed_twice_is_not_to_be_named_once_more(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl.gz"
    path.write_bytes(gzip.compress(gzip.compress(TEXT)))
    [found] = check_files([str(path)])[0].findings
    assert found.message == "the file is gzip inside, not JSON Lines"
    assert found.help == f"run `sftc dataset convert {path} --output new.jsonl`"


def test_what_is_in_an_archive_is_recognised_too(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl.gz").write_bytes(gzip.compress(json.dumps([ROW]).encode()))
    [checked] = check_files([str(tmp_path / "a.jsonl.gz")])
    assert [found.id for found in checked.findings] == ["not-json-lines"]
