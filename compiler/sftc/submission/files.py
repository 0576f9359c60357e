"""Files on their way: each content is sent once, and waited for until the service can use it."""

import os
import time
from collections.abc import Callable
from typing import Any, BinaryIO, Final, NamedTuple

from sftc.submission.failures import RefusedError, SubmissionError, UnreachableError
from sftc.submission.journal import Journal
from sftc.submission.service import Service

READY: Final = frozenset({"ready", "uploaded", "stored", "complete"})
PENDING: Final = frozenset({"processing", "pending", "validating"})

Progress = Callable[[int, int], None]


class DataFile(NamedTuple):
    """A file to send: JSON Lines at `path`, of `length` bytes and `rows` rows, known by `digest`.

    `name` is what the service is to call it.
    """

    path: str
    name: str
    digest: str
    length: int
    rows: int


_INTERVAL: Final = 1.0
_TIMEOUT: Final = 120.0
"""Seconds between questions whether a file is ready, and in all."""


def send(file: DataFile, service: Service, journal: Journal, progress: Progress) -> str:
    """Return the id of `file` on the service, uploaded only if it is not there.

    Raises:
        RefusedError: the service does not take the file.
        UnreachableError: it does not answer, or the file does not get ready.
        SubmissionError: the file is not what was checked any more.
    """
    known = journal.file(file.digest)
    if known:
        try:
            _wait(known, service, is_new=False)
        except RefusedError as error:
            if error.status in {401, 403}:
                raise
            journal.forget_file(file.digest)
        else:
            return known
    id = _id(_upload(file, service, progress), "id")
    journal.keep_file(file.digest, id)
    try:
        _wait(id, service, is_new=True)
    except RefusedError:
        journal.forget_file(file.digest)
        raise
    return id


def _upload(file: DataFile, service: Service, progress: Progress) -> dict[str, Any]:
    with open(file.path, "rb") as source:
        if os.fstat(source.fileno()).st_size != file.length:
            raise SubmissionError(f"{file.path} is not the file any more that was checked")

        def parts() -> dict[str, Any]:
            source.seek(0)
            counted = _Counted(source, file.length, progress)
            return {
                "data": {"purpose": "fine-tune"},
                "files": {"file": (file.name, counted, "application/jsonl")},
            }

        return service.request("POST", "files", parts)


class _Counted:
    """A file that tells how far it was read."""

    def __init__(self, source: BinaryIO, length: int, progress: Progress) -> None:
        self._source = source
        self._length = length
        self._progress = progress
        self._sent = 0

    def read(self, size: int = -1) -> bytes:
        data = self._source.read(size)
        self._sent += len(data)
        self._progress(self._sent, self._length)
        return data

    def fileno(self) -> int:
        return self._source.fileno()

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        self._sent = 0
        return self._source.seek(offset, whence)

    def tell(self) -> int:
        return self._source.tell()


def _wait(id: str, service: Service, *, is_new: bool) -> None:
    """Return when the service can use the file.

    Raises:
        RefusedError: it cannot, or does not know the file.
        UnreachableError: that takes too long.
    """
    end, seen = time.monotonic() + _TIMEOUT, "nothing"
    while True:
        try:
            body = service.get(f"files/{id}")
        except RefusedError as error:
            if error.status != 404 or not is_new or time.monotonic() > end:
                raise
            seen = "HTTP 404"
        else:
            states = (body.get(name) for name in ("status", "state", "storage_state"))
            seen = next((str(state) for state in states if state), "no status")
            if seen in READY:
                return
            if seen not in PENDING:
                raise RefusedError(200, seen, str(body.get("error") or f"the file is {seen}"), None)
        if time.monotonic() > end:
            raise UnreachableError(f"the file {id} is not ready after {_TIMEOUT:.0f} s: {seen}")
        time.sleep(_INTERVAL)


def _id(body: dict[str, Any], *names: str) -> str:
    found = next((body[name] for name in names if isinstance(body.get(name), str) and body[name]), None)
    if found is None:
        raise UnreachableError(f"the service answers without `{names[0]}`")
    return str(found)
