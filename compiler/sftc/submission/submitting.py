"""From a payload and files to a job that was started, once, however often it is tried."""

import hashlib
from collections.abc import Callable, Iterator
from itertools import count
from typing import Any, NamedTuple

from sftc.payload import Payload, digest, to_bytes
from sftc.submission.failures import RefusedError, UnreachableError
from sftc.submission.files import DataFile, Progress, send
from sftc.submission.journal import Journal
from sftc.submission.service import Service

Tell = Callable[[str], None]

_LISTED = 100
_OVER = frozenset({"failed", "cancelled", "canceled"})


class Order(NamedTuple):
    """What is to be submitted: a compiled payload, the training file, perhaps a validation file.

    `key` is the idempotency key, derived from what is submitted if it is `None`.
    """

    payload: Payload
    training: DataFile
    validation: DataFile | None = None
    key: str | None = None

    def names(self) -> Iterator[str]:
        """Yield the idempotency keys of this job: of its first try, its second, without end."""
        first = self.key or self._derived
        yield first
        for number in count(2):
            yield f"{first}-{number}"

    @property
    def _derived(self) -> str:
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


class Submission:
    """Submits orders to a service, and keeps a journal of it; `tell` is told what is done."""

    def __init__(self, service: Service, journal: Journal, tell: Tell, progress: Progress = _ignore) -> None:
        self._service = service
        self._journal = journal
        self._tell = tell
        self._progress = progress

    def submit(self, order: Order) -> str:
        """Return the id of the job of `order`, which is created and started unless it is already.

        A job that failed or was cancelled is not run again: there is a new one then.

        Raises:
            RefusedError: the service refuses it.
            UnreachableError: the service does not answer as it should.
            SubmissionError: a file is not what was checked any more.
        """
        for key in order.names():
            intent = self._journal.intent(key)
            known = self._job(intent.job) if intent and intent.job else None
            if known is None:
                return self._start(self._create(order, key))
            job, status = str(intent and intent.job), known.get("status") or known.get("state")
            if status not in _OVER:
                self._tell(f"this was submitted before, as {job}: attaching to it")
                return self._start(job) if status in {None, "created"} else job
            self._tell(f"{job} ended as {status}: this is another try")
        raise AssertionError("there is no end of keys")

    def _start(self, job: str) -> str:
        self._service.post(f"jobs/{job}/start", {})
        return job

    def _job(self, job: str) -> dict[str, Any] | None:
        try:
            return self._service.get(f"jobs/{job}")
        except RefusedError as error:
            if error.status == 404:
                return None
            raise

    def _send(self, file: DataFile) -> str:
        self._tell(f"file {file.path}: {file.rows:,} rows, {file.length:,} bytes")
        return send(file, self._service, self._journal, self._progress)

    def _create(self, order: Order, key: str) -> str:
        training, validation = self._send(order.training), None
        if order.validation:
            try:
                validation = self._send(order.validation)
            except RefusedError as error:
                self._tell(f"warning: the validation file is left out: {error}")
        bound = bind(order.payload, training, validation)
        if self._journal.intent(key) and (found := self._look_for(key, digest(bound))):
            self._journal.keep_job(key, found)
            return found
        self._journal.intend(key, digest(bound))
        try:
            answer = self._service.post("jobs", bound, {"Idempotency-Key": key})
        except RefusedError:
            self._journal.forget_job(key)
            raise
        job = answer.get("job_id") or answer.get("id")
        if not isinstance(job, str):
            raise UnreachableError("the service created a job and does not say which: run the command again")
        self._journal.keep_job(key, job)
        return job

    def _look_for(self, key: str, payload_digest: str) -> str | None:
        """Return the job that an earlier try, of which no answer came, may have made."""
        try:
            jobs = self._service.get("jobs", {"limit": _LISTED}).get("jobs")
        except RefusedError:
            jobs = None
        for job in jobs if isinstance(jobs, list) else ():
            if not isinstance(job, dict):
                continue
            # A service that ignores the key may still say what was sent.
            said = job.get("idempotency_key")
            same = said == key if said is not None else job.get("payload_digest") == payload_digest
            found = job.get("job_id") or job.get("id")
            if same and isinstance(found, str):
                self._tell(f"an earlier try made {found}: attaching to it")
                return found
        self._tell(
            "an earlier try got no answer, and the service lists no such job: creating it. Should it ignore "
            "the Idempotency-Key, there may be two: `sftc jobs list`"
        )
        return None
