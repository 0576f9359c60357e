"""Follows a job to its end, and reports its status, events and metrics once each."""

import time
from collections.abc import Callable
from typing import Any, Final, NamedTuple, Protocol

from sftc.submission.client import ServiceClient
from sftc.submission.failures import (
    JobCancelledError,
    JobFailedError,
    RefusedError,
    UnreachableError,
)

SUCCEEDED: Final = frozenset({"succeeded", "completed"})
CANCELLED: Final = frozenset({"cancelled", "canceled"})

OVER: Final = CANCELLED | {"failed"}
"""The statuses of a job that ended without success."""

_PAGE: Final = 200

Sleep = Callable[[float], None]


class Pace(NamedTuple):
    """How often and how long to poll a job.

    Attributes:
        interval: the polling interval in seconds.
        timeout: the maximum time to follow the job, in seconds.
        last: the maximum time to read the last events after the job ended, in seconds.
    """

    interval: float = 5.0
    timeout: float = 3600.0
    last: float = 30.0


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
    clock, feed, seen, told = _Clock(pace, sleep), _Feed(job, service, watcher), "", False
    while True:
        body, silence = _body(job, service)
        status = str(body.get("status") or body.get("state") or seen)
        is_over = status in SUCCEEDED | OVER
        if status != seen and not is_over:
            watcher.status(status)
        trouble = silence or feed.read()
        if trouble and not told:  # report only the first of several problems in a row
            watcher.note(f"{trouble}; still trying")
        if is_over:
            if trouble:
                clock.hurry()
                feed.finish(trouble, clock)
            watcher.status(status)
            return _ended(job, status, body)
        seen, told = status, bool(trouble)
        if not clock.pause(trouble):
            reason = f": {silence}" if silence else ""
            raise UnreachableError(
                f"{job} did not end within {pace.timeout:g} s{reason}; it may still be running"
            )


def _body(job: str, service: ServiceClient) -> tuple[dict[str, Any], UnreachableError | None]:
    """Return the description of a job from the service, and the error if there was no response."""
    try:
        return service.get(f"jobs/{job}", tries=1), None  # the next poll is the retry
    except UnreachableError as error:
        return {}, error


def _ended(job: str, status: str, body: dict[str, Any]) -> dict[str, Any]:
    if status in CANCELLED:
        raise JobCancelledError(f"{job} was cancelled")
    if status in OVER:
        raise JobFailedError(f"{job} failed: {_error(body)}")
    return body


def _error(body: dict[str, Any]) -> str:
    error = body.get("error")
    if isinstance(error, dict):
        error = error.get("message") or error.get("code")
    return str(error or "the service gave no reason")[:1000]


class _Clock:
    """The pauses between polls, and the time that is left for them."""

    def __init__(self, pace: Pace, sleep: Sleep) -> None:
        self._interval = pace.interval
        self._end = time.monotonic() + pace.timeout
        self._last = pace.last
        self._sleep = sleep

    def hurry(self) -> None:
        """Shorten the time that is left, because the job has ended."""
        self._end = min(self._end, time.monotonic() + self._last)

    def pause(self, trouble: UnreachableError | None) -> bool:
        """Wait until the next poll, and return whether there is time for one.

        Waits longer if `trouble` has a `Retry-After` of the service.
        """
        left = self._end - time.monotonic()
        if left > 0:
            self._sleep(min(max(self._interval, trouble.wait if trouble else 0.0), left))
        return left > 0


class _Feed:
    """Reads new events and metrics. If the service refuses either request, it is not sent again."""

    def __init__(self, job: str, service: ServiceClient, watcher: Watcher) -> None:
        self._job = job
        self._service = service
        self._watcher = watcher
        self._seq = 0
        self._points: set[tuple[str, int]] = set()
        self._step = -1
        self._absent: set[str] = set()

    def read(self) -> UnreachableError | None:
        """Report all new events and points, and return the error if reading them failed."""
        trouble = None
        for read in (self._read_events, self._read_points):
            try:
                while read():
                    pass
            except UnreachableError as error:  # still read the other one
                trouble = error
        return trouble

    def finish(self, trouble: UnreachableError, clock: _Clock) -> None:
        """Report the remaining events and points of a job that has ended, if there is time."""
        left: UnreachableError | None = trouble
        while left and clock.pause(left):
            left = self.read()
        if left:
            self._watcher.note(f"could not read all events and metrics of the job: {left}")

    def _read_events(self) -> bool:
        before = self._seq
        for event in self._list("events", {"since_seq": self._seq, "limit": _PAGE}):
            seq = event.get("seq")
            if isinstance(seq, int) and seq > self._seq:
                self._seq = seq
                self._watcher.event(event)
        return self._seq > before

    def _read_points(self) -> bool:
        fresh = False
        # More points of the last step may have been added: ask for that step again.
        for point in self._list("metrics", {"after_step": self._step - 1, "limit": _PAGE}, "points"):
            name, step = point.get("name"), point.get("step")
            if isinstance(name, str) and isinstance(step, int) and (name, step) not in self._points:
                self._points.add((name, step))
                self._step = max(self._step, step)
                self._watcher.point(point)
                fresh = True
        return fresh

    def _list(self, what: str, query: dict[str, Any], name: str | None = None) -> list[dict[str, Any]]:
        if what in self._absent:
            return []
        try:
            found = self._service.get(f"jobs/{self._job}/{what}", query, tries=1).get(name or what)
        except RefusedError as error:
            if error.status in {401, 403}:
                raise
            self._absent.add(what)
            return []
        if not isinstance(found, list):
            raise UnreachableError(f"the response of the service has no list of {what}")
        return [each for each in found if isinstance(each, dict)]
