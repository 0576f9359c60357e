"""Creates and starts a job from a payload and files, exactly once, even after several tries."""

import hashlib
import time
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Any, NamedTuple

from sftc.payload.encoding import Payload, digest, to_bytes
from sftc.submission.client import Notify, ServiceClient
from sftc.submission.failures import KeyInUseError, RefusedError, UnreachableError
from sftc.submission.journal import Intent, Journal
from sftc.submission.statuses import OVER, SUCCEEDED, word
from sftc.submission.upload import DataFile, OnProgress, Readiness, ensure_uploaded
from sftc.text.plural import counted

_LISTED = 100
_TRIES = 100


class Order(NamedTuple):
    """A request for a job.

    Attributes:
        payload: the compiled payload.
        training: the training file.
        validation: the validation file, if there is one.
        key: the idempotency key. `None` derives it from the payload and the files.
    """

    payload: Payload
    training: DataFile
    validation: DataFile | None = None
    key: str | None = None

    def names(self) -> Iterator[str]:
        """Yield the idempotency keys of the first try, the second try and so on."""
        first = self.key or self.identity
        yield first
        for number in range(2, _TRIES + 1):
            yield f"{first}-{number}"

    @property
    def identity(self) -> str:
        """A string that identifies this order: a digest of its payload and files."""
        digests = {
            "payload": digest(self.payload),
            "training": self.training.digest,
            "validation": self.validation.digest if self.validation else None,
        }
        return f"sftc-{hashlib.sha256(to_bytes(digests, 'jcs')).hexdigest()}"


def bind(payload: Payload, training: str | None, validation: str | None) -> Payload:
    """Return `payload` with the ids of its files (contract, section 4)."""
    config = payload["metadata"]["effective_config"]
    data = {**config["data"], **({"validation_files": [validation]} if validation else {})}
    return {
        **payload,
        "training_file_id": training,
        "metadata": {**payload["metadata"], "effective_config": {**config, "data": data}},
    }


def _ignore(done: int, size: int) -> None:
    pass


def _appearances(readiness: Readiness) -> Iterator[float]:
    """Yield the pauses after which to ask again for what is new, and 0 for the last request."""
    left, pause = readiness.appearing, readiness.interval / 4
    while left > 0:
        yield pause
        left, pause = left - pause, min(pause * 2, readiness.interval)
    yield 0.0


class _Job(NamedTuple):
    id: str
    status: str | None

    @classmethod
    def of(cls, body: Mapping[str, Any]) -> "_Job | None":
        """Return the job that a response of the service describes, or `None` if it has no job id."""
        id, status = body.get("job_id") or body.get("id"), body.get("status") or body.get("state")
        return cls(id, word(status) if status else None) if isinstance(id, str) and id else None


class Submission:
    """Submits orders to a service, and records them in a journal.

    The journal records the intent before the request to create a job, and the outcome after it. If
    the response is lost or this process ends, the next try finds the intent, and searches the list
    of jobs on the service before it sends the request again. A service that honours the
    Idempotency-Key header creates only one job in any case.

    Args:
        service: the client of the service.
        journal: the journal of the service and API key.
        tell: called with progress messages.
        progress: called with the bytes sent and the size of a file while it is uploaded.
        readiness: how long to wait until the service has processed a file.
    """

    def __init__(
        self,
        service: ServiceClient,
        journal: Journal,
        tell: Notify,
        progress: OnProgress = _ignore,
        readiness: Readiness = Readiness(),  # noqa: B008  it is immutable
    ) -> None:
        self._service = service
        self._journal = journal
        self._tell = tell
        self._progress = progress
        self._readiness = readiness
        self._warned = False

    def submit(self, order: Order) -> str:
        """Create and start the job of `order`, unless that was done before, and return its id.

        If a job of the same order is running or has succeeded, its id is returned. If it failed or
        was cancelled, a new job is created with the next idempotency key of the order.

        Raises:
            RefusedError: the service refused a file or the job.
            UnreachableError: the service sent no valid response.
            KeyInUseError: the key belongs to another order, or too many tries have used it.
            ChangedFileError: a file changed after it was checked.
            OSError: a file cannot be read.
        """
        bound = cache(lambda: self._bind(order))  # upload files only if a job must be created
        for key in order.names():
            intent = self._journal.intent(key)
            is_ours = intent and intent.identity == order.identity
            if intent and intent.job and not is_ours:
                raise KeyInUseError(
                    f"the idempotency key {key} belongs to {intent.job}, which has another payload"
                    " or other files: pass another key with --idempotency"
                )
            job = self._known(intent, key, bound) if intent and is_ours else None
            if not job:
                job = self._create(order, key, bound())
            if job.status not in OVER:
                return self._start(job, key)
            self._tell(f"{job.id} ended as {job.status}: creating a new job")
        raise KeyInUseError(
            f"{_TRIES} jobs of this order have failed or were cancelled: pass a new key with --idempotency"
        )

    def _start(self, job: _Job, key: str) -> str:
        """Start a job, and return its id. Accepts that an earlier try started it and lost the response."""
        intent = self._journal.intent(key)
        if (intent and intent.is_started) or job.status in SUCCEEDED | {"running"}:
            return job.id
        try:
            self._post_start(job.id)
        except RefusedError as error:
            now = self._job(job.id) if error.status not in {401, 403, 409} else None
            if error.status != 409 and (not now or now.status in {job.status, None, "created"}):
                raise
        self._journal.keep_start(key)
        return job.id

    def _post_start(self, id: str) -> None:
        """Start a job. A part of the service may not know a new job yet."""
        for pause in _appearances(self._readiness):
            try:
                self._service.post(f"jobs/{id}/start", {})
            except RefusedError as error:
                if error.status != 404 or not pause:
                    raise
                time.sleep(pause)
            else:
                return

    def _job(self, id: str) -> _Job | None:
        try:
            return _Job.of({**self._service.get(f"jobs/{id}"), "job_id": id})
        except RefusedError as error:
            if error.status == 404:
                return None
            raise

    def _known(self, intent: Intent, key: str, bound: Callable[[], Payload]) -> _Job | None:
        """Return the job that an earlier try created, or may have created, for `key`."""
        job = self._job(intent.job) if intent.job else None
        if job and job.status not in OVER:
            self._tell(f"this was submitted before as {job.id}: attaching to it")
        if job:
            return job
        self._tell(
            f"the service no longer has {intent.job}"
            if intent.job
            else "an earlier try got no response: looking for a job that it may have created"
        )
        found = self._look_for(key, digest(bound()))
        if found:
            self._journal.keep_job(key, found.id)
        return found

    def _bind(self, order: Order) -> Payload:
        """Upload the files of `order` unless the service has them; return the payload with their ids."""
        training, validation = self._send(order.training), None
        if order.validation:
            try:
                validation = self._send(order.validation)
            except RefusedError as error:
                if error.status in {401, 403}:
                    raise
                self._tell(f"warning: continuing without the validation file: {error}")
        return bind(order.payload, training, validation)

    def _send(self, file: DataFile) -> str:
        self._tell(f"file {file}: {counted(file.rows, 'row')}, {counted(file.length, 'byte')}")
        return ensure_uploaded(file, self._service, self._journal, self._progress, self._readiness)

    def _create(self, order: Order, key: str, payload: Payload) -> _Job:
        is_certain = self._journal.intend(key, order.identity)

        def recover() -> dict[str, Any] | None:
            nonlocal is_certain
            is_certain = False
            found = self._look_for(key, digest(payload), tries=1)  # `post` calls this once per retry
            return found and {"id": found.id, "status": found.status}

        try:
            answer = self._service.post("jobs", payload, {"Idempotency-Key": key}, recover)
        except RefusedError as error:
            if is_certain:  # no earlier try can have created a job
                self._journal.forget_job(key)
            if error.status == 409:
                reason = f"{error.reason} (the idempotency key is {key}: pass another one with --idempotency)"
                raise RefusedError(409, error.code, reason, error.request_id) from error
            raise
        job = _Job.of(answer)
        if not job:
            raise UnreachableError(
                "the service created a job but did not return its id: run the command again"
            )
        self._journal.keep_job(key, job.id)
        return job

    def _look_for(self, key: str, payload_digest: str, tries: int | None = None) -> _Job | None:
        """Return the job that an earlier try without a response may have created, or `None`.

        Raises:
            RefusedError: the service refused the API key.
            UnreachableError: the service sent no valid response.
        """
        try:
            jobs = self._service.get("jobs", {"limit": _LISTED}, tries).get("jobs")
        except RefusedError as error:
            if error.status in {401, 403}:
                raise
            jobs = None
        others = self._journal.jobs(but=key)
        for body in jobs if isinstance(jobs, list) else ():
            job = _Job.of(body) if isinstance(body, dict) else None
            if not job or job.id in others:  # such as the failed job of an earlier try
                continue
            # A service that ignores the key may still list the digest of the payload.
            said, sent = body.get("idempotency_key"), body.get("payload_digest")
            if (said == key and sent is None) or (said in (key, None) and sent == payload_digest):
                self._tell(f"an earlier try created {job.id}: attaching to it")
                return job
        if not self._warned:
            self._warned = True
            self._tell(
                "the service lists no such job: creating it. If the service ignores the Idempotency-Key"
                " header, there may now be two jobs: check with `sftc jobs list`"
            )
        return None
