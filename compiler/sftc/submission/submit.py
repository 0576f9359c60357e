"""Creates and starts a job from a payload and files, exactly once, even after several tries."""

import hashlib
import time
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from math import isclose
from typing import Any, Final, NamedTuple

from sftc.contract.service_table import JobFacts, JobFind, ServiceTable, filled
from sftc.payload.encoding import Payload, digest, to_bytes
from sftc.submission.answers import first, job_id_of, listed, moment, money, word
from sftc.submission.client import Notify, Sending, ServiceClient
from sftc.submission.endpoint import placed, sealed
from sftc.submission.failures import KeyInUseError, RefusedError, UnreachableError
from sftc.submission.journal import Intent, Journal
from sftc.submission.price import ask_price
from sftc.submission.upload import DataFile, OnProgress, Readiness, ensure_uploaded
from sftc.text.keys import ABSENT, look_up
from sftc.text.plural import counted

_TRIES: Final = 100

_SHORT: Final = 40
"""The hexadecimal digits of a digest in the id of a job that is chosen here."""

_SKEW: Final = 600.0
"""How far the clock of a service may be behind that of this machine, in seconds."""

_CLOSE: Final = 1e-6
"""How far a number may be from what was sent, since a service may keep it with fewer digits."""


class Order(NamedTuple):
    """A request for a job.

    Attributes:
        payload: the compiled payload.
        training: the training file.
        validation: the validation file, if there is one.
        key: the idempotency key. `None` derives it from the payload and the files.
        any_price: whether to create a job that the account cannot pay for, as the service says.
        provenance: where the job comes from, for a service that keeps it. It does not make another order.
    """

    payload: Payload
    training: DataFile
    validation: DataFile | None = None
    key: str | None = None
    any_price: bool = False
    provenance: Mapping[str, Any] | None = None

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


def bind(payload: Payload, service: ServiceClient, training: str, validation: str | None) -> Payload:
    """Return `payload` with the ids of its files, where the table of the service says."""
    table = service.table
    for binding, file in ((table.training, training), (table.validation, validation)):
        if file is not None:
            value = filled(binding.value, {**service.backend.parts, "file": file})
            payload = placed(payload, binding.to, [value] if binding.is_list else value)
    return payload


def needs_validation(payload: Payload, table: ServiceTable) -> bool | None:
    """Return whether `payload` has a place that the validation file must fill; `None` if it may have one."""
    if table.validation.is_list:
        return None
    return look_up(payload, table.validation.to) is not ABSENT


def job_values(key: str, facts: JobFacts) -> dict[str, str]:
    """Return what the slots of the request for a job with that idempotency key are filled with."""
    values = {"key": key, "order": hashlib.sha256(key.encode()).hexdigest()[:_SHORT]}
    return values | ({"job": filled(facts.chosen, values)} if facts.chosen else {})


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
    def of(cls, body: Mapping[str, Any], facts: JobFacts, id: str | None = None) -> "_Job | None":
        """Return the job that a response of the service describes, or `None` if it has no job id."""
        id, status = id or job_id_of(body, facts), first(body, facts.status)
        return cls(id, word(status) if status else None) if id else None


class Submission:
    """Submits orders to a service, and records them in a journal.

    The journal records the intent before the request to create a job, and the outcome after it. If
    the response is lost or this process ends, the next try finds the intent, and searches the list
    of jobs on the service before it sends the request again. A service that honours the
    Idempotency-Key header, or takes the id of a job from here, creates only one job in any case.

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
        self._facts = service.table.job
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
            PriceError: the account cannot pay for the job.
            ChangedFileError: a file changed after it was checked.
            OSError: a file cannot be read.
        """
        bound = cache(lambda: self._bind(order))  # upload files only if a job must be created
        ended: _Job | None = None
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
                if ended:
                    self._tell(f"{ended.id} ended as {ended.status}: creating a new job")
                job = self._create(order, key, bound())
            if job.status not in self._facts.unsuccessful:
                return self._start(order, job, key)
            ended = job
        raise KeyInUseError(
            f"{_TRIES} jobs of this order have failed or were cancelled: pass a new key with --idempotency"
        )

    def _start(self, order: Order, job: _Job, key: str) -> str:
        """Start a job, and return its id. Accepts that an earlier try started it and lost the response."""
        intent = self._journal.intent(key)
        is_running = job.status in self._facts.succeeded | {"running"}
        if not self._facts.start or (intent and intent.is_started) or is_running:
            return job.id
        self._describe(order, job.id)
        try:
            self._post_start(job.id)
        except RefusedError as error:
            now = self._job(job.id) if error.status not in {401, 403, 409} else None
            if error.status != 409 and (not now or now.status in {job.status, None, "created"}):
                raise
        self._journal.keep_start(key)
        return job.id

    def _describe(self, order: Order, id: str) -> None:
        """Say where a job comes from. The job does not need it, so a refusal is only told."""
        if order.provenance and self._facts.describe:
            try:
                self._service.call(self._facts.describe, {"job": id}, Sending(json=order.provenance))
            except RefusedError as error:
                self._tell(f"warning: the service does not keep the config of {id}: {error}")

    def _post_start(self, id: str) -> None:
        """Start a job. A part of the service may not know a new job yet."""
        for pause in _appearances(self._readiness):
            try:
                assert self._facts.start  # noqa: S101  `_start` asked
                self._service.call(self._facts.start, {"job": id})
            except RefusedError as error:
                if error.status != 404 or not pause:
                    raise
                time.sleep(pause)
            else:
                return

    def _job(self, id: str) -> _Job | None:
        try:
            return _Job.of(self._service.call(self._facts.read, {"job": id}).body, self._facts, id)
        except RefusedError as error:
            if error.status == 404:
                return None
            raise

    def _known(self, intent: Intent, key: str, bound: Callable[[], Payload]) -> _Job | None:
        """Return the job that an earlier try created, or may have created, for `key`."""
        job = self._job(intent.job) if intent.job else None
        if job and job.status not in self._facts.unsuccessful:
            self._tell(f"this was submitted before as {job.id}: attaching to it")
        if job:
            return job
        self._tell(
            f"the service no longer has {intent.job}"
            if intent.job
            else "an earlier try got no response: looking for a job that it may have created"
        )
        found = self._look_for(key, bound())
        if found:
            self._journal.keep_job(key, found.id)
        return found

    def _bind(self, order: Order) -> Payload:
        """Upload the files of `order` unless the service has them; return the payload with their ids."""
        training, validation = self._send(order.training), None
        if order.validation and needs_validation(order.payload, self._service.table) is not False:
            try:
                validation = self._send(order.validation)
            except RefusedError as error:
                if error.status in {401, 403} or needs_validation(order.payload, self._service.table):
                    raise
                self._tell(f"warning: continuing without the validation file: {error}")
        return bind(order.payload, self._service, training, validation)

    def _send(self, file: DataFile) -> str:
        self._tell(f"file {file}: {counted(file.rows, 'row')}, {counted(file.length, 'byte')}")
        return ensure_uploaded(file, self._service, self._journal, self._progress, self._readiness)

    def _create(self, order: Order, key: str, payload: Payload) -> _Job:
        ask_price(payload, self._service, self._tell, any_price=order.any_price)
        is_certain = self._journal.intend(key, order.identity)

        def recover() -> dict[str, Any] | None:
            nonlocal is_certain
            is_certain = False
            found = self._look_for(key, payload, tries=1)  # the client calls this once per retry
            return found and _described(found, self._facts)

        values = job_values(key, self._facts)
        try:
            sending = Sending(sealed(payload, self._service.backend), recover=recover)
            answer = self._service.call(self._facts.create, values, sending).body
        except RefusedError as error:
            # The id that was chosen for this order is taken: by an earlier try that the journal lost.
            existing = self._look_for(key, payload) if error.status == 409 and self._facts.chosen else None
            if existing:
                self._journal.keep_job(key, existing.id)
                return existing
            if is_certain:  # no earlier try can have created a job
                self._journal.forget_job(key)
            if error.status == 409:
                reason = f"{error.reason} (the idempotency key is {key}: pass another one with --idempotency)"
                raise RefusedError(409, error.code, reason, error.request_id) from error
            raise
        job = _Job.of(answer, self._facts)
        if not job:
            raise UnreachableError(
                "the service created a job but did not return its id: run the command again"
            )
        self._journal.keep_job(key, job.id)
        cost = money(look_up(answer, self._facts.cost)) if self._facts.cost else None
        if cost:
            self._tell(f"{job.id} is estimated to cost {cost}")
        return job

    def _look_for(self, key: str, payload: Payload, tries: int | None = None) -> _Job | None:
        """Return the job that an earlier try without a response may have created, or `None`.

        Raises:
            RefusedError: the service refused the API key.
            UnreachableError: the service sent no valid response.
        """
        if self._facts.chosen:
            job = self._job(job_values(key, self._facts)["job"])
            if job:
                self._tell(f"an earlier try created {job.id}: attaching to it")
            return job
        find = self._facts.find
        assert find  # noqa: S101  a table has one of the two
        try:
            jobs = listed(self._service.call(find.call, tries=tries).body, find.call.list)
        except RefusedError as error:
            if error.status in {401, 403}:
                raise
            jobs = None
        others = self._journal.jobs(but=key)
        for body in jobs or ():
            job = _Job.of(body, self._facts)
            if not job or job.id in others:  # such as the failed job of an earlier try
                continue
            if self._is_of(body, find, key, payload):
                self._tell(f"an earlier try created {job.id}: attaching to it")
                return job
        if not self._warned:
            self._warned = True
            doubt = (
                "If the service ignores the Idempotency-Key header, there may now be two jobs"
                if find.key
                else "If the service lists a new job only later, there may now be two jobs"
            )
            self._tell(f"the service lists no such job: creating it. {doubt}: check with `sftc jobs list`")
        return None

    def _is_of(self, body: Mapping[str, Any], find: JobFind, key: str, payload: Payload) -> bool:
        """Return whether a listed job is the one that was asked for with `key` and `payload`."""
        if find.key and find.digest:
            # A service that ignores the key may still list the digest of the payload.
            said, sent = (first(body, [place]) for place in (find.key, find.digest))
            return (said == key and sent is None) or (said in (key, None) and sent == digest(payload))
        created = moment(look_up(body, find.created)) if find.created else 0.0
        is_new = created > self._journal.since(key) - _SKEW
        has_file = first(body, find.same[:1]) is not None
        return is_new and has_file and all(_agree(body, payload, place) for place in find.same)


def _described(job: _Job, facts: JobFacts) -> dict[str, Any]:
    """Return the description of a job as the service would send it."""
    body: dict[str, Any] = {}
    for place, value in ((facts.id[0], job.id), (facts.status[0], job.status)):
        body = placed(body, place, value)
    return body


def _agree(body: Mapping[str, Any], payload: Payload, place: tuple[str, ...]) -> bool:
    """Return whether a listed job has the value of the payload at `place`, or none."""
    has, wanted = look_up(body, place), look_up(payload, place)
    if any(each is None or each is ABSENT for each in (has, wanted)):
        return True
    numbers = (int, float)
    if isinstance(has, numbers) and isinstance(wanted, numbers):
        return isclose(has, wanted, rel_tol=_CLOSE)
    return bool(has == wanted)
