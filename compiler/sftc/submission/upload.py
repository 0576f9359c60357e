"""Uploads files, each content once, and waits until the service can use them."""

import hashlib
import os
import time
from collections.abc import Callable
from typing import Any, BinaryIO, Final, NamedTuple

from sftc.submission.client import ServiceClient
from sftc.submission.failures import ChangedFileError, RefusedError, UnreachableError
from sftc.submission.journal import Journal
from sftc.submission.statuses import FAILED, PENDING, READY, word
from sftc.text.source import escaped

_LISTED: Final = 100

OnProgress = Callable[[int, int], None]


class DataFile(NamedTuple):
    """A JSON Lines file to upload.

    Attributes:
        path: the path to read from.
        name: the file name on the service.
        digest: the SHA-256 of the content, as `sha256:` and hexadecimal digits.
        length: the size in bytes.
        rows: the number of rows.
        given: the path that messages show, if `path` is a temporary copy.
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
    """How to wait for a file or a job, in seconds.

    Attributes:
        interval: the polling interval.
        timeout: the maximum time until a file is ready.
        appearing: the maximum time until the service knows a new job everywhere.
    """

    interval: float = 1.0
    timeout: float = 120.0
    appearing: float = 15.0


def ensure_uploaded(
    file: DataFile,
    service: ServiceClient,
    journal: Journal,
    progress: OnProgress,
    readiness: Readiness = Readiness(),  # noqa: B008  it is immutable
) -> str:
    """Upload `file`, unless the service already has it, and return its id.

    Raises:
        RefusedError: the service refused the file.
        UnreachableError: the service sent no valid response, or the file was not ready in time.
        ChangedFileError: the file changed after it was checked.
        OSError: the file cannot be read.
    """
    known = journal.file(file.digest)
    id = known or _new(file, service, journal, progress)
    try:
        _wait(id, service, readiness, is_new=not known)
    except RefusedError as error:
        if error.status in {401, 403}:  # the service refused the API key, not the file
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
    """Upload `file`, even if the service already has it, and return the response.

    Raises:
        RefusedError: the service refused the file.
        UnreachableError: the service sent no valid response.
        ChangedFileError: the file changed after it was checked.
        OSError: the file cannot be read.
    """
    # A file name that is not UTF-8 cannot be sent in a form.
    name = escaped(file.name)
    with open(file.path, "rb") as source:

        def parts() -> dict[str, Any]:
            checked = _Checked(source, file, progress)
            return {
                "data": {"purpose": "fine-tune"},
                "files": {"file": (name, checked, "application/jsonl")},
            }

        return service.upload("files", parts, lambda: _look_for(file, service))


def _look_for(file: DataFile, service: ServiceClient) -> dict[str, Any] | None:
    """Return the file that an earlier try without a response may have uploaded, or `None`.

    Only the digest identifies a file. A service that does not list it gets the file again.

    Raises:
        RefusedError: the service refused the API key.
        UnreachableError: the service sent no valid response.
    """
    digest = file.digest.removeprefix("sha256:")
    try:
        body = service.get("files", {"sha256": digest, "limit": _LISTED}, tries=1)
    except RefusedError as error:
        if error.status in {401, 403}:
            raise
        return None
    listed = body.get("files", body.get("data"))
    for each in listed if isinstance(listed, list) else ():
        if not isinstance(each, dict) or word(each.get("status")) in FAILED:
            continue
        if str(each.get("sha256")).removeprefix("sha256:") == digest and isinstance(each.get("id"), str):
            return each
    return None


class _Checked:
    """A file object that reports progress, and fails if its content is not the content that was checked.

    It fails before the last byte is sent, so that the service does not keep the changed content.
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
        """Go back to the start. httpx seeks nowhere else."""
        self._rewind()
        return 0


def _changed(file: DataFile) -> ChangedFileError:
    return ChangedFileError(f"{file} changed after it was checked: run the command again")


def _wait(id: str, service: ServiceClient, readiness: Readiness, *, is_new: bool) -> None:
    """Wait until the service can use the file.

    Raises:
        RefusedError: the service cannot use the file, or does not have it.
        UnreachableError: the file was not ready in time.
    """
    end, seen = time.monotonic() + readiness.timeout, "nothing"
    pause = readiness.interval / 16  # a small file is ready almost immediately
    while True:
        try:
            body = service.get(f"files/{id}")
        except RefusedError as error:
            if error.status != 404 or not is_new or time.monotonic() > end:
                raise
            seen = "HTTP 404"
        else:
            states = (body.get(name) for name in ("status", "state", "storage_state"))
            seen = next((word(state) for state in states if state), "no status")
            if seen in READY:
                return
            if seen not in PENDING:
                raise RefusedError(200, seen, str(body.get("error") or f"the file is {seen}"), None)
        if time.monotonic() > end:
            raise UnreachableError(
                f"the file {id} was not ready after {readiness.timeout:.0f} s (last status: {seen})"
            )
        time.sleep(pause)
        pause = min(pause * 2, readiness.interval)


def _id(body: dict[str, Any], *names: str) -> str:
    found = next((body[name] for name in names if isinstance(body.get(name), str) and body[name]), None)
    if found is None:
        raise UnreachableError(f"the response of the service has no `{names[0]}`")
    return str(found)
