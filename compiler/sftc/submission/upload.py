"""Uploads files, each content once, and waits until the service can use them."""

import hashlib
import os
import time
from collections.abc import Callable
from functools import partial
from typing import Any, BinaryIO, Final, NamedTuple

from sftc.contract.service_table import Exists, FileFacts, FileFind, ServiceCall, filled
from sftc.submission.answers import file_fault, file_state, first, listed, reason
from sftc.submission.client import RECOVERED, NamedContent, Reply, Sending, ServiceClient
from sftc.submission.failures import ChangedFileError, RefusedError, UnreachableError
from sftc.submission.journal import Journal
from sftc.text.keys import look_up
from sftc.text.source import escaped

_SHORT: Final = 40
"""The hexadecimal digits of a digest in an id that is chosen here: a name of Fireworks has at most 63."""

_SUFFIX: Final = ".jsonl"

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
        timeout: the maximum time until a file is ready. The default is that of the service.
        appearing: the maximum time until the service knows a new job everywhere.
    """

    interval: float = 1.0
    timeout: float | None = None
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
    id = upload_file(file, service, progress)
    journal.keep_file(file.digest, id)
    return id


def upload_file(file: DataFile, service: ServiceClient, progress: OnProgress) -> str:
    """Upload `file`, even if the journal has it, and return its id.

    Raises:
        RefusedError: the service refused the file.
        UnreachableError: the service sent no valid response.
        ChangedFileError: the file changed after it was checked.
        OSError: the file cannot be read.
    """
    facts = service.table.file
    values = file_values(file, facts)
    if facts.chosen and _is_there(values["file"], service):
        return values["file"]
    reply = Reply(RECOVERED, {}, {})
    with open(file.path, "rb") as source:
        # A file name that is not UTF-8 cannot be sent in a form.
        checked = _Checked(source, file, progress)
        content = NamedContent(escaped(file.name), checked, file.length)
        recover = partial(_look_for, file, service, facts.find) if facts.find else None
        for call in facts.upload:
            body = content if call.sends_file else None
            reply = service.call(call, values, Sending(content=body, recover=recover))
            if reply.status == RECOVERED:
                return _id(reply, facts)
            if call.exists and reply.status == call.exists.status:
                return _existing(reply, call.exists)
            values |= _found(reply, call, values)
    return values.get("file") or _id(reply, facts)


def file_values(file: DataFile, facts: FileFacts) -> dict[str, str]:
    """Return what the slots of the requests for `file` are filled with, before any answer."""
    digest, name = file.digest.removeprefix("sha256:"), escaped(file.name)
    values = {
        "name": name if name.endswith(_SUFFIX) else f"{name}{_SUFFIX}",
        "sha256": digest,
        "digest": digest[:_SHORT],
        "length": str(file.length),
        "rows": str(file.rows),
    }
    return values | ({"file": filled(facts.chosen, values)} if facts.chosen else {})


def _is_there(id: str, service: ServiceClient) -> bool:
    """Return whether the service has a file that can be used, of an id that is chosen by its content."""
    try:
        body = service.call(service.table.file.read, {"file": id}).body
    except RefusedError as error:
        if error.status != 404:
            raise
        return False
    return file_state(body, service.table.file) in service.table.file.ready


def _found(reply: Reply, call: ServiceCall, values: dict[str, str]) -> dict[str, str]:
    """Return the values of the slots that the answer to an upload fills.

    Raises:
        UnreachableError: the answer does not have one.
    """
    found = {}
    for slot, place in call.finds.items():
        if isinstance(place, str):
            value = reply.headers.get(place.lower())
        else:
            value = look_up(reply.body, tuple(filled(part, values) for part in place))
        if not isinstance(value, str) or not value:
            raise UnreachableError(f"the response of the service has no {_named(place)}")
        found[slot] = value
    return found


def _existing(reply: Reply, exists: Exists) -> str:
    id = look_up(reply.body, exists.file)
    if not isinstance(id, str) or not id:
        raise UnreachableError(f"the response of the service has no {_named(exists.file)}")
    return id


def _named(place: str | tuple[str, ...]) -> str:
    return f"header {place}" if isinstance(place, str) else f"`{'.'.join(place)}`"


def _look_for(file: DataFile, service: ServiceClient, find: FileFind) -> dict[str, Any] | None:
    """Return the file that an earlier try without a response may have uploaded, or `None`.

    Only the digest identifies a file. A service that does not list it gets the file again.

    Raises:
        RefusedError: the service refused the API key.
        UnreachableError: the service sent no valid response.
    """
    facts = service.table.file
    digest = file.digest.removeprefix("sha256:")
    try:
        body = service.call(find.call, file_values(file, facts), tries=1).body
    except RefusedError as error:
        if error.status in {401, 403}:
            raise
        return None
    for each in listed(body, find.call.list) or ():
        if file_state(each, facts) in service.table.job.failed:
            continue
        has = str(look_up(each, find.digest)).removeprefix("sha256:") == digest
        if has and isinstance(first(each, facts.id), str):
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
    facts = service.table.file
    timeout = facts.patience if readiness.timeout is None else readiness.timeout
    end, seen = time.monotonic() + timeout, "nothing"
    pause = readiness.interval / 16  # a small file is ready almost immediately
    while True:
        try:
            body = service.call(facts.read, {"file": id}).body
        except RefusedError as error:
            if error.status != 404 or not is_new or time.monotonic() > end:
                raise
            seen = "HTTP 404"
        else:
            state = file_state(body, facts) or "no status"
            if state in facts.ready:
                return
            seen = file_fault(body, facts) or state
            if seen not in facts.pending:
                raise RefusedError(200, seen, reason(body, facts.error) or f"the file is {seen}", None)
        if time.monotonic() > end:
            raise UnreachableError(f"the file {id} was not ready after {timeout:.0f} s (last status: {seen})")
        time.sleep(pause)
        pause = min(pause * 2, readiness.interval)


def _id(reply: Reply, facts: FileFacts) -> str:
    found = first(reply.body, facts.id)
    if not isinstance(found, str):
        raise UnreachableError(f"the response of the service has no {_named(facts.id[0])}")
    return found
