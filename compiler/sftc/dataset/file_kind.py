"""Recognises by its first bytes what a file is that is not JSON Lines in UTF-8."""

import re
from contextlib import suppress
from itertools import accumulate
from typing import Final, NamedTuple

import orjson

from sftc.dataset.json_scan import MAX_DEPTH
from sftc.dataset.text_encoding import other_encoding

BOM: Final = b"\xef\xbb\xbf"

HEAD: Final = 64 << 10
"""The number of bytes from the start of a file that are enough to recognise it."""


class FileKind(NamedTuple):
    """What a file is.

    Attributes:
        name: a short name, unique among the kinds.
        title: how messages call it.
        is_convertible: whether `sftc dataset convert` reads it.
        help: more that a person needs to know.
        suffix: the ending of a file name by which `sftc dataset check` reads it, if there is one.
        encoding: the encoding that a text is probably in, by the name that `iconv` has for it.
    """

    name: str
    title: str
    is_convertible: bool = False
    help: str | None = None
    suffix: str | None = None
    encoding: str | None = None


_POWERSHELL = "`>` in PowerShell 5 writes UTF-16"

GZIP = FileKind("gzip", "gzip", is_convertible=True, suffix=".gz")
ZSTANDARD = FileKind("zstd", "Zstandard", is_convertible=True, suffix=".zst")
BZIP2 = FileKind("bz2", "bzip2", is_convertible=True)
XZ = FileKind("xz", "xz", is_convertible=True)
ZIP = FileKind("zip", "a ZIP archive", is_convertible=True)
PARQUET = FileKind("parquet", "Parquet", is_convertible=True)
ARROW_FILE = FileKind("arrow-file", "Arrow", is_convertible=True)
ARROW_STREAM = FileKind("arrow-stream", "an Arrow stream", is_convertible=True)
UTF16_LE = FileKind("utf-16-le", "UTF-16", is_convertible=True, help=_POWERSHELL)
UTF16_BE = FileKind("utf-16-be", "UTF-16", is_convertible=True)
UTF32_LE = FileKind("utf-32-le", "UTF-32", is_convertible=True)
UTF32_BE = FileKind("utf-32-be", "UTF-32", is_convertible=True)
JSON_LIST = FileKind("json-list", "JSON with all rows in one list", is_convertible=True)
JSON_LISTS = FileKind("json-lists", "JSON with a list on each line", is_convertible=True)
JSON_VALUE = FileKind("json", "JSON with rows over several lines", is_convertible=True)
CSV = FileKind("csv", "a CSV table", is_convertible=True)
TSV = FileKind("tsv", "a table with tabs", is_convertible=True)
HTML = FileKind("html", "HTML", help="it may be the page of a failed download")
XML = FileKind("xml", "XML", help="it may be the answer of a failed download")
YAML = FileKind("yaml", "YAML")
PLAIN_TEXT = FileKind("text", "plain text")
BINARY = FileKind("binary", "binary data")
TOML = FileKind("toml", "TOML", help="a config goes to `sftc lint`, or to `sftc dataset check --config`")

COLUMNAR: Final = (PARQUET, ARROW_FILE, ARROW_STREAM)
"""The kinds that pyarrow reads."""

_MAGIC: Final[tuple[tuple[bytes, FileKind], ...]] = (
    (b"\x1f\x8b", GZIP),
    (b"\x28\xb5\x2f\xfd", ZSTANDARD),
    (b"BZh", BZIP2),
    (b"\xfd7zXZ\0", XZ),
    (b"PK\x03\x04", ZIP),
    (b"PK\x05\x06", ZIP),
    (b"\x04\x22\x4d\x18", FileKind("lz4", "LZ4", help="unpack it")),
    (b"7z\xbc\xaf\x27\x1c", FileKind("7z", "a 7-Zip archive", help="unpack it")),
    (b"Rar!\x1a\x07", FileKind("rar", "a RAR archive", help="unpack it")),
    (b"PAR1", PARQUET),
    (b"ARROW1\0\0", ARROW_FILE),
    (b"\xff\xff\xff\xff", ARROW_STREAM),
    (b"ORC", FileKind("orc", "ORC")),
    (b"Obj\x01", FileKind("avro", "Avro")),
    (b"SQLite format 3\0", FileKind("sqlite", "an SQLite database")),
    (b"\x89HDF\r\n\x1a\n", FileKind("hdf5", "HDF5")),
    (b"\x93NUMPY", FileKind("numpy", "a NumPy array")),
    (b"%PDF-", FileKind("pdf", "PDF")),
    (b"version https://git-lfs", FileKind("git-lfs", "a Git LFS pointer", help="run `git lfs pull`")),
    (b"\xff\xfe\0\0", UTF32_LE),
    (b"\0\0\xfe\xff", UTF32_BE),
    (b"\xff\xfe", UTF16_LE),
    (b"\xfe\xff", UTF16_BE),
)
"""The bytes at the start of a file that say what it is. The first match counts."""

_PICKLES: Final = tuple(b"\x80" + bytes([version]) for version in range(2, 6))
_TAR: Final = slice(257, 262)
_BEGINNINGS: Final = (
    (re.compile(r"<!doctype html|<html", re.IGNORECASE), HTML),
    (re.compile(r"<\?xml"), XML),
    (re.compile(r"(?:#.*\n|\s)*+(?:\[\[?[\w.\"' -]+\]|[\w.-]+ *= *[^\s=])"), TOML),
)
"""How texts begin that are not JSON."""

_YAML: Final = re.compile(
    r"(?:#.*\n|---.*\n|\s)*+(?:- +)?[\w-]+:(?: .*)?\n\s*(?:- .*|[\w-]+:(?: .*)?)(?:\n|\Z)"
)
_SCALAR: Final = re.compile(r"-?\d[\d.eE+-]*|true|false|null")
_CONTROLS: Final = re.compile(rb"[\0-\x08\x0e-\x1a\x1c\x1d\x1f]")
"""Bytes that no text has at its beginning, but for the separator of RFC 7464 and the escape of terminals."""
_STRING: Final = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"?', re.DOTALL)
_STEPS: Final = {"{": 1, "[": 1, "}": -1, "]": -1}
_SPACE: Final = " \t\r\n"
_BEGINNING: Final = 512
"""The bytes in which a binary file shows that it is one."""
_WORD: Final = 20
"""More characters than a number or a word that the end of the head cuts."""


def kind_of(head: bytes) -> FileKind | None:
    """Return what the file is that begins with `head`, or `None` if it may be JSON Lines in UTF-8.

    `head` has `HEAD` bytes, or all if the file has fewer.
    """
    for magic, kind in _MAGIC:
        if head.startswith(magic):
            return kind
    if head.startswith(_PICKLES):
        return FileKind("pickle", "a Python pickle")
    if head[_TAR] == b"ustar":
        return FileKind("tar", "a tar archive", help="unpack it")
    if other := _wide(head) or (BINARY if _is_binary(head) else _text(head.removeprefix(BOM))):
        return other
    return _encoded(head if len(head) < HEAD else head[: head.rfind(b"\n") + 1])


def _wide(head: bytes) -> FileKind | None:
    """Return the encoding of text whose first two characters are ASCII in units of two or four bytes."""
    for kind in (UTF32_LE, UTF32_BE, UTF16_LE, UTF16_BE):
        text = head[: len("ab".encode(kind.name))].decode(kind.name, "replace")
        if len(text) == 2 and text.isascii() and text.isprintable():
            return kind
    return None


def _is_binary(head: bytes) -> bool:
    """Return whether a file is not text. NUL bytes at its beginning are what an interrupted write leaves."""
    is_like_json = head.lstrip()[:1] in {b"{", b"[", b'"'}
    return not is_like_json and not head.startswith(b"\0") and bool(_CONTROLS.search(head[:_BEGINNING]))


def _encoded(text: bytes) -> FileKind | None:
    """Return the kind of lines that are not in UTF-8."""
    found = other_encoding(text)
    if not found:
        return None
    if not found.name:
        help = "save it as UTF-8, for example with `iconv`"
        return FileKind("encoded", "in another encoding than UTF-8", help=help)
    shown = f"line {found.line} then has `{found.sample}`"
    return FileKind("encoded", f"probably {found.title}", help=shown, encoding=found.name)


def _text(head: bytes) -> FileKind | None:
    text = head.decode("utf-8", "replace").lstrip(_SPACE)
    line = text.partition("\n")[0]
    with suppress(ValueError):
        more = text[len(line) :].lstrip(_SPACE)
        return (
            (JSON_LISTS if more[:1] == "[" else JSON_LIST) if isinstance(orjson.loads(line), list) else None
        )
    if text.lstrip(_SPACE + "[")[:1] in {"{", '"', ""} and text.startswith("["):
        return JSON_LIST
    if text.startswith("{"):
        return JSON_VALUE if _goes_on(text, line, is_whole=len(head) < HEAD) else None
    for beginning, kind in _BEGINNINGS:
        if beginning.match(text):
            return kind
    return _table(text) or _prose(text)


def _prose(text: str) -> FileKind | None:
    """Return what a text of several lines is of which none may be a row: none is JSON or has an object."""
    lines = [line for line in text.split("\n") if line.strip()]
    if len(lines) < 2 or text.startswith("\0") or '{"' in text or any(map(_begins_like_json, lines)):
        return None
    return YAML if _YAML.match(text) else PLAIN_TEXT


def _begins_like_json(line: str) -> bool:
    begun = line.lstrip()
    return begun[:1] in {"{", "[", '"'} or _SCALAR.fullmatch(begun.rstrip()) is not None


def _goes_on(text: str, line: str, *, is_whole: bool) -> bool:
    """Return whether the JSON value that begins on `line` ends on a later line of `text`."""
    if len(line) == len(text) or _is_deep(text):
        return False
    import json

    try:
        _, end = json.JSONDecoder(parse_int=float).raw_decode(text)
    except json.JSONDecodeError as error:
        is_cut = error.msg.startswith("Unterminated string") or error.pos >= len(text) - _WORD
        return is_cut and not is_whole and "\n" in text[: error.pos]
    return end > len(line)


def _is_deep(text: str) -> bool:
    """Return whether a text has more levels than a row, and than any version of Python reads."""
    steps = (_STEPS.get(sign, 0) for sign in _STRING.sub("", text))
    return max(accumulate(steps), default=0) > MAX_DEPTH


def _table(text: str) -> FileKind | None:
    """Return the kind of a table: its first two rows have the same number of cells, and names come first."""
    import csv
    import io
    from itertools import islice

    if "{" in text.partition("\n")[0]:
        return None
    for delimiter, kind in ((",", CSV), (";", CSV), ("\t", TSV), ("|", CSV)):
        with suppress(csv.Error):
            rows = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
            cells = [len(row) for row in islice(rows, 2)]
            if len(cells) == 2 and cells[0] == cells[1] > 1:
                return kind
    return None
