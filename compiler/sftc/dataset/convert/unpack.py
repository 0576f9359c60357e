"""Opens the files to convert: archives, encodings, folders. What a file is, its first bytes decide."""

import codecs
import gzip
import io
import json
import os
import re
import stat
import sys
import tempfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import IO, Any, Final, NamedTuple

from sftc.dataset.file_kind import (
    BOM,
    BZIP2,
    COLUMNAR,
    GZIP,
    HEAD,
    PLAIN_TEXT,
    UTF16_BE,
    UTF16_LE,
    UTF32_BE,
    UTF32_LE,
    XZ,
    ZIP,
    ZSTANDARD,
    FileKind,
    kind_of,
)
from sftc.dataset.streams import remedy, zstandard_module
from sftc.text.source import STDIN

_LAYERS: Final = 4
_WIDE: Final = (UTF16_LE, UTF16_BE, UTF32_LE, UTF32_BE)
_PLAIN: Final = (".parquet", ".arrow", ".feather", ".jsonl", ".ndjson", ".json", ".csv", ".tsv")
_ENDINGS: Final = (
    *_PLAIN,
    *(f"{name}{packed}" for name in _PLAIN[3:] for packed in (".gz", ".zst", ".bz2", ".xz")),
)
"""The endings of data files in folders."""
_ABOUT: Final = {"dataset_info.json", "dataset_infos.json", "dataset_dict.json", "state.json"}
"""Files in folders that are about the data."""
_SHARD: Final = re.compile(r"(.+)-\d{5}-of-(\d{5})")
_SPLITS: Final = {
    "train": {"train", "training"},
    "validation": {"validation", "valid", "val", "dev"},
    "test": {"test", "testing", "eval", "evaluation"},
}
"""The words in names of files that say which split they are."""
_SHOWN: Final = 8


class UnconvertibleError(Exception):
    """A file cannot be converted. The message gives the reason, and `help` what to do."""

    def __init__(self, message: str, help: str | None = None) -> None:
        super().__init__(message)
        self.help = help


class Unpacked(NamedTuple):
    """A file without its archives and its encoding.

    Attributes:
        kinds: what it was packed in, from the outside in, and what it is if that is not JSON Lines.
        kind: what it is; `None` if it may be JSON Lines in UTF-8.
        head: its first bytes.
        stream: its bytes.
    """

    kinds: tuple[FileKind, ...]
    kind: FileKind | None
    head: bytes
    stream: IO[bytes]


def files_of(path: str) -> list[str]:
    """Return the files of a data set: those of the folder at `path`, in order, or `path` itself.

    Knows what `datasets.save_to_disk` writes, and folders as the Hugging Face Hub has them.

    Raises:
        UnconvertibleError: the folder has no data, or it is not clear which of its files to read.
    """
    if path == STDIN or not os.path.isdir(path):
        return [path]
    splits = _state(path, "dataset_dict.json", "splits")
    if isinstance(splits, list) and splits:
        folders = [os.path.join(path, os.path.basename(str(split))) for split in splits]
        _one(path, "splits", folders)
        return files_of(folders[0])
    saved = _state(path, "state.json", "_data_files")
    if isinstance(saved, list):
        if _state(path, "state.json", "_indices_data_files"):
            help = "load it and save it again with a newer version of `datasets`"
            raise UnconvertibleError("the dataset is a selection of rows, in an old form", help)
        names = [os.path.basename(str(each["filename"])) for each in saved if isinstance(each, dict)]
        if not names:
            raise UnconvertibleError("the dataset has no data files")
        return [os.path.join(path, name) for name in names]
    return _files_in(path)


def _files_in(path: str) -> list[str]:
    """Return the data files in a folder and the folders inside it: those of one folder, split and kind."""
    files: dict[str, dict[str, list[str]]] = {}
    for folder, inside, names in os.walk(path):
        inside[:] = sorted(name for name in inside if not name.startswith("."))
        for name in sorted(names, key=_natural):
            if _is_data(name):
                files.setdefault(folder, {}).setdefault(_split_of(name), []).append(name)
    if not files:
        raise UnconvertibleError("the folder has no data files", f"it may have {', '.join(_ENDINGS)}")
    _one(path, "folders with data", [*files])
    [(folder, by_split)] = files.items()
    if folder != path:
        return files_of(folder)
    _one(path, "splits", [os.path.join(path, _pattern(names)) for names in by_split.values()])
    [names] = by_split.values()
    kinds = dict.fromkeys(_ending(name) for name in names)
    _one(path, "kinds of files", [os.path.join(path, f"*{kind}") for kind in kinds])
    parts = [match for match in map(_SHARD.match, names) if match]
    if parts and len(parts) != int(parts[0][2]):
        text = f"the folder has {len(parts)} of the {int(parts[0][2])} files of `{parts[0][1]}`"
        raise UnconvertibleError(text, "download the others")
    return [os.path.join(path, name) for name in names]


def _one(folder: str, what: str, choices: list[str]) -> None:
    """Make sure that there is one choice.

    Raises:
        UnconvertibleError: there are several.
    """
    if len(choices) > 1:
        named = ", ".join(f"`{os.path.relpath(each, folder)}`" for each in choices[:_SHOWN])
        more = f" and {len(choices) - _SHOWN} more" if len(choices) > _SHOWN else ""
        text = f"the folder has several {what}: {named}{more}"
        raise UnconvertibleError(text, f"pass one of them, such as `{choices[0]}`")


def _is_data(name: str) -> bool:
    is_other = name.startswith((".", "cache-")) or name in _ABOUT
    return not is_other and name.lower().endswith(_ENDINGS)


def _ending(name: str) -> str:
    """Return the ending of a file, with that of an archive."""
    return next(each for each in _ENDINGS if name.lower().endswith(each))


def _split_of(name: str) -> str:
    """Return the split that a file name has, as the Hugging Face Hub reads it; empty if it has none."""
    if shard := _SHARD.match(name):
        return shard[1]
    words = {*re.split(r"[\W_\d]+", name.removesuffix(_ending(name)).lower())}
    return next((split for split, known in _SPLITS.items() if words & known), "")


def _pattern(names: list[str]) -> str:
    """Return a pattern for the files of a split."""
    shard = _SHARD.match(names[0])
    return f"{shard[1]}-*" if shard else names[0]


def _natural(name: str) -> list[tuple[int, str]]:
    """Return the key that sorts `train-10` after `train-9`."""
    return [(int(each), "") if each.isdecimal() else (-1, each) for each in re.split(r"(\d+)", name) if each]


def _state(folder: str, name: str, key: str) -> object:
    try:
        with open(os.path.join(folder, name), "rb") as file:
            value = json.load(file)
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise UnconvertibleError(f"`{name}` cannot be read: {error}") from error
    return value.get(key) if isinstance(value, dict) else None


def unpacked(path: str, stack: ExitStack) -> Unpacked:
    """Return the bytes of the file at `path`, or of standard input. `stack` closes what is opened.

    Raises:
        UnconvertibleError: it cannot be read, is of a kind that cannot be converted, or is damaged.
    """
    stream = file = _opened(path, stack)
    kinds: list[FileKind] = []
    for _ in range(_LAYERS):
        head = _head(stream)
        kind = kind_of(head)
        if kind is PLAIN_TEXT:
            kind = None  # it may be a table of one column
        stream = _buffered(_Rejoined(head, stream))
        if kind:
            kinds.append(kind)
        if kind in _OPENERS:
            stream = _buffered(_Guarded(_OPENERS[kind](stream, stack), kind))
        elif kind in _WIDE:
            stream = _buffered(_Recoded(stream, kind.name))
        elif kind in COLUMNAR:
            is_file = len(kinds) == 1 and stat.S_ISREG(os.fstat(file.fileno()).st_mode)
            if is_file:
                file.seek(0)
            return Unpacked(tuple(kinds), kind, head, file if is_file else seekable(stream, stack))
        elif kind and not kind.is_convertible:
            raise UnconvertibleError(f"the file is {kind.title}", remedy(kind, path))
        else:
            if head.startswith(BOM):
                stream.read(len(BOM))
            return Unpacked(tuple(kinds), kind, head.removeprefix(BOM), stream)
    raise UnconvertibleError(f"the file is packed more than {_LAYERS} times")


def seekable(stream: IO[bytes], stack: ExitStack) -> IO[bytes]:
    """Return a temporary file with the bytes of `stream`. `stack` removes it."""
    file = stack.enter_context(tempfile.TemporaryFile(prefix="sftc-"))  # noqa: SIM115  `stack` closes it
    while piece := stream.read(1 << 20):
        file.write(piece)
    file.seek(0)
    return file


def _opened(path: str, stack: ExitStack) -> IO[bytes]:
    if path == STDIN:
        if sys.stdin is None:
            raise UnconvertibleError("cannot be read: standard input is closed")
        return sys.stdin.buffer
    try:
        return stack.enter_context(open(path, "rb"))
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise UnconvertibleError(f"cannot be read: {reason}") from error


def _head(stream: IO[bytes]) -> bytes:
    head = b""
    try:
        while len(head) < HEAD and (more := stream.read(HEAD - len(head))):
            head += more
    except OSError as error:
        raise UnconvertibleError(f"cannot be read: {error.strerror or error}") from error
    return head


def _buffered(raw: io.RawIOBase) -> io.BufferedReader:
    return io.BufferedReader(raw, 1 << 18)


class _Rejoined(io.RawIOBase):
    """A stream whose first bytes were read before."""

    def __init__(self, head: bytes, rest: IO[bytes]) -> None:
        self._head = memoryview(head)
        self._rest = rest

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        try:
            piece = self._head[: len(buffer)] or self._rest.read(len(buffer))
        except OSError as error:
            raise UnconvertibleError(f"cannot be read: {error.strerror or error}") from error
        self._head = self._head[len(piece) :]
        buffer[: len(piece)] = piece
        return len(piece)


class _Guarded(io.RawIOBase):
    """A decompressor whose errors are `UnconvertibleError`."""

    def __init__(self, inner: Any, kind: FileKind) -> None:
        self._inner = inner
        self._kind = kind
        self._errors = _damage(kind)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        try:
            piece = self._inner.read(len(buffer))
        except self._errors as error:
            text = f"the file is {self._kind.title}, and it is damaged: {error}"
            raise UnconvertibleError(text, "copy or compress the file again") from error
        buffer[: len(piece)] = piece
        return len(piece)


def _damage(kind: FileKind) -> tuple[type[Exception], ...]:
    errors: tuple[type[Exception], ...] = (EOFError, OSError, zlib.error)
    if kind is XZ:
        import lzma

        return (*errors, lzma.LZMAError)
    if kind is ZIP:
        from zipfile import BadZipFile

        return (*errors, BadZipFile)
    return (*errors, zstandard_module().ZstdError) if kind is ZSTANDARD else errors


class _Recoded(io.RawIOBase):
    """Text in UTF-16 or UTF-32 as UTF-8, without its byte order mark."""

    def __init__(self, inner: IO[bytes], encoding: str) -> None:
        self._inner = inner
        self._encoding = encoding
        self._decoder = codecs.getincrementaldecoder(encoding)()
        self._is_first = True
        self._ready = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._ready:
            piece = self._inner.read(1 << 16)
            try:
                text = self._decoder.decode(piece, final=not piece)
            except UnicodeDecodeError as error:
                raise UnconvertibleError(
                    f"the file is not valid {self._encoding.upper()}: {error.reason}"
                ) from error
            if text and self._is_first:
                text, self._is_first = text.removeprefix("\ufeff"), False
            self._ready = text.encode()
            if not piece:
                break
        size = min(len(buffer), len(self._ready))
        buffer[:size], self._ready = self._ready[:size], self._ready[size:]
        return size


def _bz2(stream: IO[bytes], stack: ExitStack) -> IO[bytes]:
    import bz2

    return bz2.BZ2File(stream)


def _xz(stream: IO[bytes], stack: ExitStack) -> IO[bytes]:
    import lzma

    return lzma.LZMAFile(stream)


def _zip(stream: IO[bytes], stack: ExitStack) -> IO[bytes]:
    from zipfile import BadZipFile, ZipFile

    try:
        archive = stack.enter_context(ZipFile(seekable(stream, stack)))
        members = [each for each in archive.infolist() if not each.is_dir()]
        if len(members) != 1:
            raise UnconvertibleError(f"the ZIP archive has {len(members)} files, not 1", "unpack it")
        return stack.enter_context(archive.open(members[0]))
    except (BadZipFile, NotImplementedError, RuntimeError) as error:
        raise UnconvertibleError(f"the ZIP archive cannot be read: {error}", "unpack it") from error


_OPENERS: Final[dict[FileKind, Callable[[IO[bytes], ExitStack], Any]]] = {
    GZIP: lambda stream, stack: gzip.GzipFile(fileobj=stream),
    ZSTANDARD: lambda stream, stack: zstandard_module().ZstdFile(stream),
    BZIP2: _bz2,
    XZ: _xz,
    ZIP: _zip,
}


def packed(pieces: Iterator[bytes], path: str) -> Iterator[bytes]:
    """Yield `pieces`, packed as the ending of `path` says: gzip for `.gz`, Zstandard for `.zst`."""
    if path.lower().endswith(".gz"):
        packer: Any = zlib.compressobj(wbits=31)
    elif path.lower().endswith(".zst"):
        packer = zstandard_module().ZstdCompressor()
    else:
        yield from pieces
        return
    for piece in pieces:
        yield packer.compress(piece)
    yield packer.flush()
