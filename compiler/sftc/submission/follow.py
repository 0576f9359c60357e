"""Follows a job to its end, and reports its status, events and metrics once each."""

import json
import time
from collections.abc import Callable
from math import inf
from typing import Any, Final, NamedTuple, Protocol

from sftc.contract.service_table import EventFacts, JobFacts, ServiceCall
from sftc.submission.answers import first, listed, points_of, reason, word
from sftc.submission.client import ServiceClient
from sftc.submission.failures import (
    JobCancelledError,
    JobFailedError,
    RefusedError,
    UnreachableError,
)

_PAGE: Final = 200
_SHOWN: Final = 200
"""Maximum characters shown of a status."""

_SHORTEST: Final = 1 / 50
_LONGEST: Final = 1 / 10
"""The pauses between the requests of one poll, as parts of the polling interval: each pause is twice as
long as the one before."""

_LEAST: Final = 0.01
"""The pause in seconds that is made even if there is no time left."""

_GRACE: Final = 0.5
"""The time in seconds that every request gets, even at the end."""

APPEARING: Final = 60.0
"""The time in seconds that a service may take until it knows a new job everywhere."""

Sleep = Callable[[float], None]


class Pace(NamedTuple):
    """How often and how long to poll a job.

    Attributes:
        interval: the polling interval in seconds.
        timeout: the maximum time to follow the job, in seconds.
        last: the maximum time to read the last events after the job ended, in seconds.
        appearing: how long the job and its events may be unknown to the service, in seconds. For a
            job that was just created, use `APPEARING`.
    """

    interval: float = 5.0
    timeout: float = 3600.0
    last: float = 30.0
    appearing: float = 0.0


class Watcher(Protocol):
    """Receives the progress of a job."""

    def status(self, status: str) -> None:
        """Handle a new status of the job."""

    def event(self, event: dict[str, Any]) -> None:
        """Handle a new event."""

    def point(self, point: dict[str, Any]) -> None:
        """Handle a new point of a metric."""

    def note(self, text: str) -> None:
        """Handle a message about following the job, such as a connection problem."""


def follow_job(
    job: str, service: ServiceClient, watcher: Watcher, pace: Pace, sleep: Sleep = time.sleep
) -> dict[str, Any]:
    """Follow a job until it succeeds, and return its last description from the service.

    Raises:
        JobFailedError: the job failed.
        JobCancelledError: the job was cancelled.
        RefusedError: the service does not know the job, or refused the key.
        UnreachableError: the job did not end, or the service did not respond, within `pace.timeout`.
    """
    clock, facts = _Clock(pace, sleep), service.table.job
    feed, seen, told, percent = _Feed(job, service, watcher, clock), "", False, None
    while True:
        clock.begin_poll()
        body, silence = _body(job, service, clock)
        status = str(first(body, facts.status) or seen).strip()[:_SHOWN]
        is_over = word(status) in facts.over
        if status != seen and not is_over:
            watcher.status(status)
        progress = first(body, [facts.progress] if facts.progress else [])
        if isinstance(progress, int | float) and progress != percent and not is_over:
            percent = progress
            watcher.note(f"{percent:g} % done")
        if is_over:
            clock.begin_last_poll()
        trouble = silence or feed.read()
        if trouble and not told and clock.left > 0:  # only the first of several problems in a row
            watcher.note(f"{trouble}; still trying")
        if is_over:
            if trouble:
                clock.hurry()
                feed.finish(trouble)
            watcher.status(status)
            return _ended(job, status, body, facts, feed.failure)
        seen, told = status, bool(trouble)
        if not clock.pause(trouble):
            reason = f": {silence}" if silence else ""
            raise UnreachableError(
                f"{job} did not end within {pace.timeout:g} s{reason}; it may still be running"
            )


def _body(
    job: str, service: ServiceClient, clock: "_Clock"
) -> tuple[dict[str, Any], UnreachableError | None]:
    """Return the description of a job from the service, and the error if there was no response."""
    try:
        # The next poll is the retry.
        return service.call(service.table.job.read, {"job": job}, tries=1, limit=clock.limit).body, None
    except UnreachableError as error:
        return {}, error
    except RefusedError as error:
        if error.status == 404 and clock.may_appear:
            return {}, UnreachableError(f"the service does not know {job} yet")
        raise


def _ended(
    job: str, status: str, body: dict[str, Any], facts: JobFacts, failure: str | None
) -> dict[str, Any]:
    known = word(status)
    if known in facts.cancelled:
        raise JobCancelledError(f"{job} was cancelled")
    if known in facts.failed:
        how = "failed" if known == "failed" else f"failed ({status})"
        why = reason(body, facts.error) or failure or "the service gave no reason"
        raise JobFailedError(f"{job} {how}: {why}")
    return body


class _Clock:
    """The pauses between requests, and the time that is left for them."""

    def __init__(self, pace: Pace, sleep: Sleep) -> None:
        now = time.monotonic()
        self._interval = pace.interval
        self._end = now + pace.timeout
        self._appeared = now + pace.appearing
        self._last = pace.last
        self._sleep = sleep
        self.begin_poll()

    @property
    def left(self) -> float:
        """The time that is left, in seconds."""
        return self._end - time.monotonic()

    @property
    def limit(self) -> float:
        """The time that a request gets, in seconds."""
        return max(self.left, _GRACE)

    @property
    def may_appear(self) -> bool:
        """Whether the job is so new that the service may not know it everywhere yet."""
        return time.monotonic() < self._appeared

    @property
    def is_last(self) -> bool:
        """Whether this is the last poll, because the job has ended."""
        return self._poll_ends == inf

    def begin_poll(self) -> None:
        """Begin a poll, which takes about one interval at most, so that a change of status is seen."""
        self._poll_ends = time.monotonic() + self._interval
        self._short = self._interval * _SHORTEST

    def begin_last_poll(self) -> None:
        """Take the time that is left for this poll, because the job has ended."""
        self._poll_ends = inf

    def hurry(self) -> None:
        """Shorten the time that is left, because the service has trouble."""
        self._end = min(self._end, time.monotonic() + self._last)

    def breathe(self) -> bool:
        """Wait until the next request of a poll, and return whether there is time for it."""
        self._sleep(min(self._short, max(self.left, _LEAST)))
        self._short = min(self._short * 2, self._interval * _LONGEST)
        return time.monotonic() < min(self._poll_ends, self._end)

    def pause(self, trouble: UnreachableError | None) -> bool:
        """Wait until the next poll, and return whether there is time for one.

        Waits longer if `trouble` has a `Retry-After` of the service.
        """
        left = self.left
        if left > 0:
            self._sleep(min(max(self._interval, trouble.wait if trouble else 0.0), left))
        return left > 0


class _Feed:
    """Reads new events and metrics. If the service refuses either request, it is not sent again.

    Attributes:
        failure: the message of the last event that is the reason of a failure.
    """

    def __init__(self, job: str, service: ServiceClient, watcher: Watcher, clock: _Clock) -> None:
        self._job = job
        self._service = service
        self._watcher = watcher
        self._clock = clock
        self._facts = service.table
        self.failure: str | None = None
        self._seq = 0
        self._events: set[str] = set()
        self._points: set[tuple[str, int]] = set()
        self._step = -1
        self._absent: set[str] = set()

    def read(self) -> UnreachableError | None:
        """Report new events and points, as long as there is time, and return the error if reading failed."""
        trouble = None
        for read in (self._read_events, self._read_points):
            try:
                self._read_pages(read)
            except UnreachableError as error:  # still read the other one
                trouble = error
        return trouble

    def _read_pages(self, read: Callable[[], bool]) -> None:
        is_time = self._clock.left > 0
        if is_time:
            self._clock.breathe()
        while is_time and read():
            is_time = self._clock.breathe()
        if not is_time and self._clock.is_last:  # otherwise the next poll reads on
            raise UnreachableError("there was not enough time")

    def finish(self, trouble: UnreachableError) -> None:
        """Report the remaining events and points of a job that has ended, if there is time."""
        left: UnreachableError | None = trouble
        while left and self._clock.pause(left):
            again = self.read()
            left = left if again and self._clock.left <= 0 else again  # the earlier one says more
        if left:
            self._watcher.note(f"could not read all events and metrics of the job: {left}")

    def _read_events(self) -> bool:
        facts, fresh = self._facts.events, False
        if not facts:
            return False
        for event in self._list("events", facts.call, {"seq": str(self._seq), "limit": str(_PAGE)}):
            if self._is_new(event, facts):
                fresh = facts.number is not None
                if word(event.get("type")) in facts.errors and event.get("message"):
                    self.failure = str(event["message"])
                self._watcher.event(event)
        return fresh

    def _is_new(self, event: dict[str, Any], facts: EventFacts) -> bool:
        """Return whether an event was not reported yet. Without a number, an event is its content."""
        if facts.number:
            seq = event.get(facts.number)
            if not isinstance(seq, int) or seq <= self._seq:
                return False
            self._seq = seq
            return True
        content = json.dumps(event, sort_keys=True)
        is_new = content not in self._events
        self._events.add(content)
        return is_new

    def _read_points(self) -> bool:
        facts = self._facts.metrics
        if not facts:
            return False
        fresh = False
        # More points of the last step may have been added: ask for that step again.
        values = {"step": str(max(self._step, 0)), "before": str(self._step - 1), "limit": str(_PAGE)}
        for point in points_of(self._list("metrics", facts.call, values), facts):
            name, step = point["name"], point["step"]
            if (name, step) not in self._points:
                self._points.add((name, step))
                self._step = max(self._step, step)
                self._watcher.point(point)
                fresh = True
        return fresh

    def _list(self, what: str, call: ServiceCall, values: dict[str, str]) -> list[dict[str, Any]]:
        if what in self._absent:
            return []
        try:
            body = self._service.call(
                call, {"job": self._job, **values}, tries=1, limit=self._clock.limit
            ).body
        except RefusedError as error:
            if error.status in {401, 403}:
                raise
            if error.status != 404 or not self._clock.may_appear:
                self._absent.add(what)
            return []
        found = listed(body, call.list)
        if found is None:
            raise UnreachableError(f"the response of the service has no list of {what}")
        return found
