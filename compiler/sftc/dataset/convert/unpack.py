"""Opens the files to convert: archives, encodings, folders. What a file is, its first bytes decide."""

import codecs
import gzip
import io
import json
import os
import sys
import tempfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import IO, Any, Final, NamedTuple

from sftc.dataset.file_kind import (
    ARROW_FILE,
    ARROW_STREAM,
    BOM,
    BZIP2,
    GZIP,
    HEAD,
    PARQUET,
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
from sftc.text.source import STDIN

_LAYERS: Final = 4
_COLUMNAR: Final = (PARQUET, ARROW_FILE, ARROW_STREAM)
_WIDE: Final = (UTF16_LE, UTF16_BE, UTF32_LE, UTF32_BE)
_ENDINGS: Final = (".parquet", ".arrow", ".feather", ".jsonl", ".json", ".csv", ".tsv", ".gz", ".zst")


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

    Raises:
        UnconvertibleError: the folder has no data, or several splits.
    """
    if path == STDIN or not os.path.isdir(path):
        return [path]
    splits = _state(path, "dataset_dict.json", "splits")
    if isinstance(splits, list):
        _single(path, [str(split) for split in splits])
        return files_of(os.path.join(path, str(splits[0]))) if splits else []
    state = _state(path, "state.json", "_data_files")
    if isinstance(state, list):
        return [os.path.join(path, str(each["filename"])) for each in state if isinstance(each, dict)]
    for folder in (path, os.path.join(path, "data")):
        names = sorted(os.listdir(folder)) if os.path.isdir(folder) else []
        if kept := [name for name in names if name.lower().endswith(_ENDINGS)]:
            _single(folder, list(dict.fromkeys(name.partition("-")[0] for name in kept if "-" in name)))
            return [os.path.join(folder, name) for name in kept]
    raise UnconvertibleError("the folder has no data files", f"it may have {', '.join(_ENDINGS)}")


def _single(folder: str, splits: list[str]) -> None:
    if len(splits) > 1:
        named = ", ".join(f"`{split}`" for split in splits)
        example = os.path.join(folder, splits[0])
        raise UnconvertibleError(f"the folder has several splits: {named}", f"pass one, such as `{example}*`")


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
    stream = _opened(path, stack)
    kinds: list[FileKind] = []
    for _ in range(_LAYERS):
        head = _head(stream)
        kind = kind_of(head)
        stream = _buffered(_Rejoined(head, stream))
        if kind:
            kinds.append(kind)
        if kind in _OPENERS:
            stream = _buffered(_Guarded(_OPENERS[kind](stream, stack), kind))
        elif kind in _WIDE:
            stream = _buffered(_Recoded(stream, kind.name))
        elif kind in _COLUMNAR:
            return Unpacked(tuple(kinds), kind, head, seekable(stream, stack))
        elif kind and not kind.is_convertible:
            raise UnconvertibleError(f"the file is {kind.title}", kind.help)
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
        piece = self._head[: len(buffer)] or self._rest.read(len(buffer))
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
    return (*errors, _zstd().ZstdError) if kind is ZSTANDARD else errors


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


def _zstd() -> Any:
    if sys.version_info >= (3, 14):
        from compression import zstd
    else:
        import backports.zstd as zstd  # noqa: PLR0402  so that the error names the missing package
    return zstd


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
    ZSTANDARD: lambda stream, stack: _zstd().ZstdFile(stream),
    BZIP2: _bz2,
    XZ: _xz,
    ZIP: _zip,
}


def packed(pieces: Iterator[bytes], path: str) -> Iterator[bytes]:
    """Yield `pieces` as the ending of `path` wants them: gzip for `.gz`, Zstandard for `.zst`."""
    if path.lower().endswith(".gz"):
        packer: Any = zlib.compressobj(wbits=31)
    elif path.lower().endswith(".zst"):
        packer = _zstd().ZstdCompressor()
    else:
        yield from pieces
        return
    for piece in pieces:
        yield packer.compress(piece)
    yield packer.flush()
