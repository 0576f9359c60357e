"""Receive multipart uploads: stream them to disk, and hash them on the way."""

import asyncio
import hashlib
import os
import uuid
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.requests import ClientDisconnect, Request

from sftc.private import private_opener
from sftc.service.limits import ServiceLimits
from sftc.service.responses import RequestRefusedError

if TYPE_CHECKING:
    from python_multipart.multipart import MultipartCallbacks

_FIELD = 1 << 12


class Upload(NamedTuple):
    """A received file. `digest` is the hexadecimal SHA-256, and `size` is in bytes."""

    path: Path
    filename: str
    purpose: str
    digest: str
    size: int


async def pieces(request: Request, most: int, patience: float) -> AsyncIterator[bytes]:
    """Yield the body of a request as it is received.

    Args:
        request: the request.
        most: the maximum size of the body, in bytes.
        patience: the maximum time between two pieces, in seconds.

    Raises:
        RequestRefusedError: the body is too large, too slow or incomplete.
    """
    stream, size = request.stream().__aiter__(), 0
    while True:
        try:
            async with asyncio.timeout(patience):
                piece = await anext(stream)
        except StopAsyncIteration:
            return
        except TimeoutError:
            raise RequestRefusedError(
                408, "too_slow", f"no data was received for {patience:.0f} seconds"
            ) from None
        except ClientDisconnect:
            raise RequestRefusedError(
                400, "cut_off", "the connection was closed before the end of the request body"
            ) from None
        size += len(piece)
        if size > most:
            raise RequestRefusedError(
                413, "too_large", f"the request body is larger than the limit of {most:,} bytes"
            )
        yield piece


async def receive(request: Request, folder: Path, limits: ServiceLimits) -> Upload:
    """Return the upload in a multipart request, with its part `file` written to `folder`.

    Args:
        request: the request. It must also have the field `purpose`.
        folder: the folder for the file.
        limits: the limits of the service.

    Raises:
        RequestRefusedError: the body is too large, too slow, incomplete or malformed.
        OSError: the file cannot be written.
    """
    kind, options = parse_options_header(request.headers.get("content-type", ""))
    boundary = options.get(b"boundary")
    if kind != b"multipart/form-data" or not boundary:
        raise RequestRefusedError(
            400, "not_multipart", "the request body must be multipart/form-data with a part `file`"
        )
    if int(request.headers.get("content-length") or 0) > limits.upload:
        raise RequestRefusedError(
            413, "too_large", f"the request body is larger than the limit of {limits.upload:,} bytes"
        )
    form = _Form(folder)
    try:
        parser = MultipartParser(boundary, form.callbacks)
        async for piece in pieces(request, limits.upload, limits.patience):
            parser.write(piece)
        parser.finalize()
        return await form.upload()
    except FormParserError as error:
        form.discard()
        raise RequestRefusedError(
            400, "broken_multipart", f"the multipart body is malformed: {error}"
        ) from error
    except BaseException:  # also if the request is cancelled
        form.discard()
        raise


class _Form:
    """Collects the parts `file` and `purpose` from a multipart parser. Other parts are ignored."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / f"incoming-{uuid.uuid4().hex}"
        self._file = open(self._path, "xb", opener=private_opener)  # noqa: SIM115  it stays open
        self._hash = hashlib.sha256()
        self._size = 0
        self._filename: str | None = None
        self._complete = False
        self._purpose = bytearray()
        self._header = (bytearray(), bytearray())
        self._part = b""
        self._done = False
        self.callbacks: MultipartCallbacks = {
            "on_part_begin": self._begin,
            "on_header_field": lambda data, start, end: self._header[0].extend(data[start:end]),
            "on_header_value": lambda data, start, end: self._header[1].extend(data[start:end]),
            "on_header_end": self._end_of_header,
            "on_part_data": self._data,
            "on_part_end": self._end,
            "on_end": self._finish,
        }

    def _begin(self) -> None:
        self._part = b""

    def _end_of_header(self) -> None:
        name, value = bytes(self._header[0]).lower(), bytes(self._header[1])
        self._header = (bytearray(), bytearray())
        if name == b"content-disposition":
            _, options = parse_options_header(value)
            self._part = options.get(b"name", b"")
            if self._part == b"file":
                if self._filename is not None:
                    raise RequestRefusedError(
                        400, "two_files", "the request body has more than one part `file`"
                    )
                self._filename = options.get(b"filename", b"").decode("utf-8", "replace") or "file.jsonl"

    def _data(self, data: bytes, start: int, end: int) -> None:
        piece = memoryview(data)[start:end]
        if self._part == b"file":
            self._file.write(piece)
            self._hash.update(piece)
            self._size += len(piece)
        elif self._part == b"purpose":
            self._purpose += piece
            if len(self._purpose) > _FIELD:
                raise RequestRefusedError(400, "bad_purpose", "the field `purpose` is too long")

    def _end(self) -> None:
        self._complete = self._complete or self._part == b"file"

    def _finish(self) -> None:
        self._done = True

    async def upload(self) -> Upload:
        if not self._done or not self._complete or self._filename is None:
            raise RequestRefusedError(400, "no_file", "the request body has no complete part `file`")
        purpose = self._purpose.decode("utf-8", "replace")
        if purpose != "fine-tune":
            raise RequestRefusedError(400, "bad_purpose", "the field `purpose` must be `fine-tune`")
        self._file.flush()
        await asyncio.to_thread(os.fsync, self._file.fileno())  # takes long for a large file
        self._file.close()
        return Upload(self._path, self._filename, purpose, self._hash.hexdigest(), self._size)

    def discard(self) -> None:
        self._path.unlink(missing_ok=True)
        with suppress(OSError):  # closing flushes the buffer, which fails if the disk is full
            self._file.close()
