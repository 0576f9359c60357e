"""Files on their way: each content is sent once, and waited for until the service can use it."""

import hashlib
import os
import time
from collections.abc import Callable
from typing import Any, BinaryIO, Final, NamedTuple

from sftc.submission.client import ServiceClient
from sftc.submission.failures import ChangedFileError, RefusedError, UnreachableError
from sftc.submission.journal import Journal
from sftc.text.source import escaped

READY: Final = frozenset({"ready", "uploaded", "stored", "complete"})
PENDING: Final = frozenset({"processing", "pending", "validating"})

OnProgress = Callable[[int, int], None]


class DataFile(NamedTuple):
    """A file to send: JSON Lines at `path`, of `length` bytes and `rows` rows, known by `digest`.

    `name` is what the service is to call it; `given` is what a person calls it, where `path` is
    that of a copy.
    """

    path: str
    name: str
    digest: str
    length: int
    rows: int
    given: str | None = None

    def __str__(self) -> str:
        return self.given or self.path


class Readiness(NamedTuple):
    """How a file is waited for until it is ready: seconds between questions, and in all."""

    interval: float = 1.0
    timeout: float = 120.0


def ensure_uploaded(
    file: DataFile,
    service: ServiceClient,
    journal: Journal,
    progress: OnProgress,
    readiness: Readiness = Readiness(),  # noqa: B008  it cannot be changed
) -> str:
    """Return the id of `file` on the service, uploaded only if it is not there.

    Raises:
        RefusedError: the service does not take the file.
        UnreachableError: it does not answer, or the file does not get ready.
        ChangedFileError: the file changed after it was checked.
        OSError: it cannot be read.
    """
    known = journal.file(file.digest)
    id = known or _new(file, service, journal, progress)
    try:
        _wait(id, service, readiness, is_new=not known)
    except RefusedError as error:
        if error.status in {401, 403}:  # the key was refused, not the file
            raise
        journal.forget_file(file.digest)
        if not known:
            raise
        return ensure_uploaded(file, service, journal, progress, readiness)
    return id


def _new(file: DataFile, service: ServiceClient, journal: Journal, progress: OnProgress) -> str:
    id = _id(upload_file(file, service, progress), "id")
    journal.keep_file(file.digest, id)
    return id


def upload_file(file: DataFile, service: ServiceClient, progress: OnProgress) -> dict[str, Any]:
    """Send `file`, whatever the service has, and return its answer.

    Raises:
        RefusedError: the service does not take it.
        UnreachableError: it does not answer.
        ChangedFileError: the file changed after it was checked.
        OSError: it cannot be read.
    """
    # A name of strange bytes has no UTF-8, and no part of a form can carry it.
    name = escaped(file.name)
    with open(file.path, "rb") as source:

        def parts() -> dict[str, Any]:
            checked = _Checked(source, file, progress)
            return {
                "data": {"purpose": "fine-tune"},
                "files": {"file": (name, checked, "application/jsonl")},
            }

        return service.request("POST", "files", parts)


class _Checked:
    """A file that is read once, from its start, tells how far, and fails where it is not the one checked.

    It fails before its last byte is sent: the service would keep another content else.
    """

    def __init__(self, source: BinaryIO, file: DataFile, progress: OnProgress) -> None:
        self._source = source
        self._file = file
        self._progress = progress
        self._rewind()

    def _rewind(self) -> None:
        self._source.seek(0)
        self._hash = hashlib.sha256()
        self._sent = 0
        if os.fstat(self._source.fileno()).st_size != self._file.length:
            raise _changed(self._file)

    def read(self, size: int = -1) -> bytes:
        data = self._source.read(size)
        self._hash.update(data)
        self._sent += len(data)
        left = self._file.length - self._sent
        if left < 0 or (left and not data) or (not left and self._digest != self._file.digest):
            raise _changed(self._file)
        self._progress(self._sent, self._file.length)
        return data

    @property
    def _digest(self) -> str:
        return f"sha256:{self._hash.hexdigest()}"

    def fileno(self) -> int:
        return self._source.fileno()

    def seek(self, offset: int) -> int:
        """Go back to the start, which is where httpx wants to go."""
        self._rewind()
        return 0


def _changed(file: DataFile) -> ChangedFileError:
    return ChangedFileError(f"{file} was changed after it was checked; run the command again")


def _wait(id: str, service: ServiceClient, readiness: Readiness, *, is_new: bool) -> None:
    """Return when the service can use the file.

    Raises:
        RefusedError: it cannot, or does not know the file.
        UnreachableError: that takes too long.
    """
    end, seen = time.monotonic() + readiness.timeout, "nothing"
    pause = readiness.interval / 16  # a small file is ready almost at once
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
            raise UnreachableError(f"the file {id} is not ready after {readiness.timeout:.0f} s: {seen}")
        time.sleep(pause)
        pause = min(pause * 2, readiness.interval)


def _id(body: dict[str, Any], *names: str) -> str:
    found = next((body[name] for name in names if isinstance(body.get(name), str) and body[name]), None)
    if found is None:
        raise UnreachableError(f"the service answers without `{names[0]}`")
    return str(found)
