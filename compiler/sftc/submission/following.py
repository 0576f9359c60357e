"""A job, followed to its end: its status, events and metrics, each told once."""

import time
from collections.abc import Callable
from typing import Any, Final, NamedTuple, Protocol

from sftc.submission.failures import (
    JobCancelledError,
    JobFailedError,
    RefusedError,
    UnreachableError,
)
from sftc.submission.service import Service

SUCCEEDED: Final = frozenset({"succeeded", "completed"})
CANCELLED: Final = frozenset({"cancelled", "canceled"})

_PAGE: Final = 200


class Pace(NamedTuple):
    """How a job is followed: seconds between questions, and in all."""

    interval: float = 5.0
    timeout: float = 3600.0


class Watcher(Protocol):
    """Who is told of a job."""

    def status(self, status: str) -> None:
        """The job has a new status."""

    def event(self, event: dict[str, Any]) -> None:
        """There is a new event."""

    def point(self, point: dict[str, Any]) -> None:
        """There is a new point of a metric."""


def follow(
    job: str, service: Service, watcher: Watcher, pace: Pace, sleep: Callable[[float], None] = time.sleep
) -> dict[str, Any]:
    """Follow a job until it succeeds, and return its body.

    Raises:
        JobFailedError: it failed.
        JobCancelledError: it was cancelled.
        RefusedError: the service does not know it, or the key.
        UnreachableError: it has not ended in time, or the service is silent as long.
    """
    end, feed, seen, trouble = time.monotonic() + pace.timeout, _Feed(job, service, watcher), "", ""
    while True:
        try:
            body = service.get(f"jobs/{job}")
            feed.read()
            trouble = ""
        except UnreachableError as error:  # one bad answer, or a minute of them, is no reason to give up
            body, trouble = {}, f": {error}"
        status = str(body.get("status") or body.get("state") or seen)
        if status != seen:
            watcher.status(status)
            seen = status
        if status in SUCCEEDED:
            return body
        if status in CANCELLED:
            raise JobCancelledError(f"{job} was cancelled")
        if status == "failed":
            raise JobFailedError(f"{job} failed: {_error(body)}")
        if time.monotonic() > end:
            raise UnreachableError(
                f"{job} has not ended after {pace.timeout:.0f} s{trouble}; it may still run"
            )
        sleep(min(pace.interval, max(0.0, end - time.monotonic())))


def _error(body: dict[str, Any]) -> str:
    error = body.get("error")
    if isinstance(error, dict):
        error = error.get("message") or error.get("code")
    return str(error or "the service does not say why")[:1000]


class _Feed:
    """Events and metrics as they come; a service that has none answers 404, and is not asked again."""

    def __init__(self, job: str, service: Service, watcher: Watcher) -> None:
        self._job = job
        self._service = service
        self._watcher = watcher
        self._seq = 0
        self._points: set[tuple[str, int]] = set()
        self._step = -1
        self._absent: set[str] = set()

    def read(self) -> None:
        while self._read_events() or self._read_points():
            pass

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
        # Of the last step more points may come: it is asked for once more.
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
            found = self._service.get(f"jobs/{self._job}/{what}", query).get(name or what)
        except RefusedError as error:
            if error.status in {401, 403}:
                raise
            self._absent.add(what)
            return []
        return [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []
