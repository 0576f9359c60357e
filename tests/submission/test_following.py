"""Follow a job on a scripted service whose responses are sometimes broken."""

import random
import socket
import socketserver
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from itertools import count
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from sftc.submission.client import Patience, ServiceClient
from sftc.submission.endpoint import ApiKey, Backend, default_service
from sftc.submission.failures import JobCancelledError, JobFailedError, RefusedError, UnreachableError
from sftc.submission.follow import Pace, follow_job
from support.backends import Answer, Asked, Threads, odd_service
from support.environment import KEY

QUICK = Pace(interval=0.001, timeout=60)
HURRIED = QUICK._replace(last=0.05)
"""Keep trying to read the last events of an ended job only for a moment."""

FAULTS = [
    Answer(cut=0),
    Answer({"events": [], "points": [], "status": "running"}, cut=-4),
    Answer({"error": "busy"}, 503),
    Answer({"error": "busy"}, 500),
    Answer(b"<html>"),
    Answer([]),
    Answer({"events": None, "points": "none"}),
]


class Notes:
    """A watcher that records everything reported to it."""

    def __init__(self) -> None:
        self.statuses: list[str] = []
        self.events: list[dict[str, Any]] = []
        self.points: list[dict[str, Any]] = []
        self.notes: list[str] = []

    def status(self, status: str) -> None:
        self.statuses.append(status)

    def event(self, event: dict[str, Any]) -> None:
        self.events.append(event)

    def point(self, point: dict[str, Any]) -> None:
        self.points.append(point)

    def note(self, text: str) -> None:
        self.notes.append(text)


class Tale:
    """A scripted job that makes progress with each request for its status."""

    def __init__(self, pieces: int = 4, size: int = 0) -> None:
        self.events = [
            {"seq": seq, "type": "note", "message": f"{seq}"} for seq in range(1, pieces * size + 1)
        ]
        self.points = [
            {"name": name, "step": step, "value": float(step)}
            for step in range(pieces * size // 2)
            for name in ("train.loss", "val.loss")
        ]
        self.ends: dict[str, Any] = {"status": "succeeded"}
        self._pieces = pieces
        self._size = size
        self._now = 0

    def __call__(self, asked: Asked) -> Answer:
        what = asked.path.partition("?")[0].rpartition("/")[2]
        known = self._now * self._size
        if what == "events":
            return Answer({"events": self.page(self.events[:known], "seq", asked.query, "since_seq")})
        if what == "metrics":
            return Answer({"points": self.page(self.points[:known], "step", asked.query, "after_step")})
        self._now = min(self._now + 1, self._pieces)
        return Answer(self.ends if self._now == self._pieces else {"status": "running"})

    def page(
        self, found: list[dict[str, Any]], name: str, query: dict[str, str], after: str
    ) -> list[dict[str, Any]]:
        return [each for each in found if each[name] > int(query[after])][: int(query["limit"])]


class RepeatingTale(Tale):
    """A scripted job without paging: every response has all events or points so far."""

    def page(
        self, found: list[dict[str, Any]], name: str, query: dict[str, str], after: str
    ) -> list[dict[str, Any]]:
        return found


Told = tuple[dict[str, Any], list[Asked]]


def hear(script: Callable[[Asked], Answer], notes: Notes, pace: Pace = QUICK, tries: int = 3) -> Told:
    told: list[str] = []
    with (
        odd_service(script) as odd,
        ServiceClient(Backend(odd.url, ApiKey(KEY)), told.append, Patience(tries, 0.001)) as service,
    ):
        odd.script = lambda asked: script(asked) if len(odd.asked) < 5000 else Answer({}, 401)
        return follow_job("job-1", service, notes, pace), odd.asked


@pytest.mark.parametrize("kind", [Tale, RepeatingTale])
@pytest.mark.parametrize("size", [1, 2, 250])
def test_everything_is_reported_once_and_in_order(kind: type[Tale], size: int) -> None:
    tale, notes = kind(4, 2 * size), Notes()
    body, _ = hear(tale, notes)
    assert body == {"status": "succeeded"}
    assert notes.statuses == ["running", "succeeded"]
    assert notes.events == tale.events
    assert notes.points == tale.points


@pytest.mark.parametrize("seed", range(6))
def test_errors_lose_and_repeat_nothing(seed: int) -> None:
    chance, notes = random.Random(seed), Notes()  # noqa: S311  not a secret
    tale = (Tale, RepeatingTale)[seed % 2](10, 100)

    def faulty(asked: Asked) -> Answer:
        answer = tale(asked)  # the request may take effect even if its response is lost
        return chance.choice(FAULTS) if chance.random() < 0.5 else answer

    hear(faulty, notes, tries=2)
    assert notes.events == tale.events
    assert notes.points == tale.points
    assert notes.statuses == ["running", "succeeded"]


@pytest.mark.parametrize("what", ["events", "metrics"])
def test_the_last_events_and_metrics_are_read_after_the_job_ends(what: str) -> None:
    tale, notes, bad = Tale(1, 10), Notes(), [Answer({}, 500)] * 5

    def faulty(asked: Asked) -> Answer:
        answer = tale(asked)
        return bad.pop() if bad and what in asked.path else answer

    hear(faulty, notes, tries=2)
    assert bad == []
    assert (notes.events, notes.points) == (tale.events, tale.points)
    assert notes.statuses == ["succeeded"]


def test_a_long_history_of_an_ended_job_is_read_to_its_end() -> None:
    tale, notes = Tale(1, 3000), Notes()
    hear(tale, notes, QUICK._replace(last=0.0))
    assert (notes.events, notes.points) == (tale.events, tale.points)


def test_a_metric_point_can_arrive_late() -> None:
    tale, notes = Tale(3, 1), Notes()
    tale.points = [{"name": f"{name}.loss", "step": 7, "value": 1.0} for name in ("train", "val", "test")]
    hear(tale, notes)
    assert notes.points == tale.points


@pytest.mark.parametrize("status", [404, 405, 501])
def test_missing_endpoints_are_requested_once(status: int) -> None:
    tale, notes = Tale(5), Notes()
    body, asked = hear(lambda ask: tale(ask) if ask.path.endswith("job-1") else Answer({}, status), notes)
    assert body == {"status": "succeeded"}
    assert notes.statuses == ["running", "succeeded"]
    assert (notes.events, notes.points) == ([], [])
    paths = [ask.path.partition("?")[0].rpartition("/")[2] for ask in asked]
    assert [paths.count(what) for what in ("job-1", "events", "metrics")] == [5, 1, 1]


def test_malformed_events_and_points_are_skipped() -> None:
    tale, notes = RepeatingTale(2, 4), Notes()
    tale.events[1:1] = [{}, {"seq": "2"}, {"seq": None}, {"seq": 1, "message": "again"}]
    tale.points[1:1] = [{}, {"name": "a", "step": "1"}, {"step": 0}, {"name": 1, "step": 1}]
    odd: list[Any] = ["text", None, 1, []]

    def mixed(asked: Asked) -> Answer:
        answer = tale(asked)
        return Answer(
            {name: odd + found if isinstance(found, list) else found for name, found in answer.body.items()}
        )

    hear(mixed, notes)
    assert [event["message"] for event in notes.events] == ["1", "2", "3", "4"]
    assert [(point["name"], point["step"]) for point in notes.points] == [
        ("train.loss", 0),
        ("val.loss", 0),
        ("train.loss", 1),
        ("val.loss", 1),
    ]


End = type[JobFailedError | JobCancelledError] | None

ENDS: dict[End, str] = {
    None: "succeeded completed Completed SUCCESS done finished complete JOB_STATE_SUCCEEDED",
    JobFailedError: "failed FAILED error ERROR errored expired timeout timed_out TimedOut user_error"
    " JOB_STATE_FAILED JOB_STATE_EXPIRED TIMEOUT_EXCEEDED FAILED_VALIDATION failure",
    JobCancelledError: "cancelled canceled CANCELED Stopped stopped aborted JOB_STATE_CANCELLED",
}
"""Words of final status, of this contract and of other services."""

WORDS: list[tuple[str, End]] = [(word, end) for end, words in ENDS.items() for word in words.split()]
SPELLED: list[tuple[str, End]] = [
    (" done\n", None),
    ("Timed Out", JobFailedError),
    ("timed-out", JobFailedError),
]


@pytest.mark.parametrize("name", ["status", "state"])
@pytest.mark.parametrize(("status", "error"), WORDS + SPELLED)
def test_every_word_of_a_final_status_is_understood(name: str, status: str, error: End) -> None:
    tale, notes = Tale(3), Notes()
    tale.ends = {name: status, "fine_tuned_model": "ft-m"}
    if error is None:
        assert hear(tale, notes)[0] == tale.ends
    else:
        with pytest.raises(error, match="job-1"):
            hear(tale, notes)
    assert notes.statuses == ["running", status.strip()]


def test_the_documentation_lists_every_word_of_a_final_status(root: Path) -> None:
    text, job = (root / "docs/how-to/submit.md").read_text(), default_service().job
    for code, words in (("0", job.succeeded), ("5", job.failed), ("6", job.cancelled)):
        listed = ", ".join(f"`{each}`" for each in sorted(words))
        assert f"| exit code {code} | {listed} |" in text


def test_a_job_that_expired_is_reported_as_such() -> None:
    tale = Tale(2)
    tale.ends = {"status": "EXPIRED", "error": "it waited too long"}
    with pytest.raises(JobFailedError, match=r"^job-1 failed \(EXPIRED\): it waited too long$"):
        hear(tale, Notes())


def test_an_unknown_status_is_shown_and_followed() -> None:
    notes = Notes()
    words = ["Warming Up", "finishing", 7, {"phase": "x"}]
    left = [Answer({"status": word}) for word in words]

    def script(asked: Asked) -> Answer:
        if not asked.path.endswith("job-1"):
            return Answer({}, 404)
        return left.pop(0) if len(left) > 1 else left[0]

    with pytest.raises(UnreachableError, match=r"^job-1 did not end within 0.2 s; it may"):
        hear(script, notes, Pace(0.001, 0.2))
    assert notes.statuses == ["Warming Up", "finishing", "7", "{'phase': 'x'}"]


@pytest.mark.parametrize("what", ["events", "metrics"])
def test_an_endless_stream_does_not_outlast_the_timeout(what: str) -> None:
    """And there is a pause before each request but the first."""
    notes, pauses, number = Notes(), list[float](), count(1)

    def endless(asked: Asked) -> Answer:
        if "/events" in asked.path and what == "events":
            return Answer({"events": [{"seq": next(number), "type": "note", "message": "more"}]})
        if "/metrics" in asked.path and what == "metrics":
            return Answer({"points": [{"name": "loss", "step": next(number), "value": 1.0}]})
        return Answer({"status": "running"}) if asked.path.endswith("job-1") else Answer({}, 404)

    def sleep(seconds: float) -> None:
        pauses.append(seconds)
        time.sleep(seconds)

    with odd_service(endless) as odd, ServiceClient(Backend(odd.url, ApiKey(KEY)), notes.note) as service:
        with pytest.raises(
            UnreachableError, match=r"^job-1 did not end within 0.5 s; it may still be running$"
        ):
            follow_job("job-1", service, notes, Pace(0.1, 0.5), sleep)
        polls = [asked for asked in odd.asked if asked.path.endswith("job-1")]
        assert len(odd.asked) <= len(pauses)
    assert all(pause > 0 for pause in pauses)
    assert 1 < len(polls) <= 6
    assert notes.events or notes.points


def test_an_endless_stream_does_not_outlast_the_end_of_the_job() -> None:
    notes, number = Notes(), count(1)

    def endless(asked: Asked) -> Answer:
        if "/events" in asked.path:
            return Answer({"events": [{"seq": next(number), "type": "note", "message": "more"}]})
        return Answer({"status": "succeeded"}) if asked.path.endswith("job-1") else Answer({}, 404)

    assert hear(endless, notes, Pace(0.01, 0.3))[0] == {"status": "succeeded"}
    assert notes.notes[-1] == "could not read all events and metrics of the job: there was not enough time"


@pytest.mark.parametrize("what", ["job-1", "events"])
def test_a_response_that_never_ends_does_not_outlast_the_timeout(what: str) -> None:
    """Each piece of it comes before the timeout for a piece."""
    done = Event()

    def drip(link: socket.socket, text: bytes) -> None:
        with suppress(OSError):
            link.sendall(text)
            while not done.wait(0.02):
                link.sendall(b" ")

    class Drips(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            while (line := self.rfile.readline()).startswith(b"GET"):
                while self.rfile.readline().strip():
                    pass
                head = b"HTTP/1.1 200 OK\r\nContent-Length: "
                if what.encode() in line.split()[1].rpartition(b"/")[2]:
                    drip(self.connection, head + b"9999999\r\n\r\n")
                    return
                body = b'{"status": "running", "events": [], "points": []}'
                self.wfile.write(head + b"%d\r\n\r\n%s" % (len(body), body))

    notes, server = Notes(), Threads(("127.0.0.1", 0), Drips)
    backend = Backend(f"http://127.0.0.1:{server.port}/api", ApiKey(KEY))
    with server.running():
        try:
            with (
                ServiceClient(backend, notes.note) as service,
                pytest.raises(
                    UnreachableError, match=r"did not end within 0.3 s.*; it may still be running$"
                ),
            ):
                follow_job("job-1", service, notes, Pace(0.05, 0.3))
        finally:
            done.set()
    assert notes.statuses == (["running"] if what == "events" else [])


@pytest.mark.parametrize("missing", [("job-1",), ("events", "metrics"), ("job-1", "events", "metrics")])
def test_a_new_job_may_be_unknown_for_a_moment(missing: tuple[str, ...]) -> None:
    tale, notes, left = Tale(4, 4), Notes(), Counter(dict.fromkeys(missing, 3))

    def slow(asked: Asked) -> Answer:
        what = asked.path.partition("?")[0].rpartition("/")[2]
        left[what] -= 1
        return Answer({}, 404) if left[what] >= 0 else tale(asked)

    body, _ = hear(slow, notes, QUICK._replace(appearing=60.0))
    assert body == {"status": "succeeded"}
    assert (notes.events, notes.points) == (tale.events, tale.points)
    assert notes.notes == (
        ["the service does not know job-1 yet; still trying"] if "job-1" in missing else []
    )


def test_a_new_job_that_stays_unknown_is_refused() -> None:
    with pytest.raises(RefusedError, match="HTTP 404"):
        hear(lambda _: Answer({}, 404), Notes(), QUICK._replace(appearing=0.05))


@pytest.mark.parametrize(
    ("error", "said"),
    [
        ("out of memory", "out of memory"),
        ({"message": "out of memory", "code": "oom"}, "out of memory"),
        ({"code": "oom"}, "oom"),
        ({}, "the service gave no reason"),
        ("", "the service gave no reason"),
        (None, "the service gave no reason"),
        ("m" * 5000, "m" * 1000),
    ],
)
def test_a_failed_job_reports_why(error: Any, said: str) -> None:
    tale = Tale(2)
    tale.ends = {"status": "failed", "error": error}
    with pytest.raises(JobFailedError) as failed:
        hear(tale, Notes())
    assert str(failed.value) == f"job-1 failed: {said}"


def test_a_job_that_does_not_end_is_left_running() -> None:
    notes = Notes()
    with pytest.raises(UnreachableError, match=r"^job-1 did not end within 0.05 s; it may still be running$"):
        hear(lambda _: Answer({"status": "running"}), notes, Pace(0.001, 0.05))
    assert notes.statuses == ["running"]


def test_the_timeout_error_names_a_service_that_stopped_responding() -> None:
    with pytest.raises(
        UnreachableError,
        match=r"^job-1 did not end within 0.05 s: no valid response from http.*HTTP 503: .*; it may",
    ):
        hear(lambda _: Answer({}, 503), Notes(), Pace(0.001, 0.05))


@pytest.mark.parametrize("what", ["events", "metrics"])
@pytest.mark.parametrize("status", ["succeeded", "failed"])
def test_following_ends_even_if_events_cannot_be_read(what: str, status: str) -> None:
    tale, notes = Tale(3), Notes()
    tale.ends = {"status": status}
    broken = Answer({}, 500)
    try:
        hear(lambda asked: broken if what in asked.path else tale(asked), notes, HURRIED)
    except JobFailedError:
        assert status == "failed"
    assert notes.statuses[-1] == status


@pytest.mark.parametrize("what", ["events", "metrics"])
def test_a_broken_endpoint_is_reported_once_and_the_other_is_read(what: str) -> None:
    tale, notes = Tale(9, 4), Notes()
    hear(lambda asked: Answer({}, 500) if what in asked.path else tale(asked), notes, HURRIED)
    assert [note.partition("/api")[2] for note in notes.notes] == [
        ": HTTP 500: Status; still trying",
        ": HTTP 500: Status",
    ]
    assert notes.notes[1].startswith("could not read all events and metrics of the job: no valid response")
    assert (notes.events, notes.points) == (([], tale.points) if what == "events" else (tale.events, []))


def test_retry_after_delays_the_next_request() -> None:
    tale, notes, pauses = Tale(3), Notes(), list[float]()
    busy = [Answer({}, 429, {"Retry-After": "7"}), Answer({}, 503)]

    def script(asked: Asked) -> Answer:
        return busy.pop(0) if busy else tale(asked)

    with odd_service(script) as odd, ServiceClient(Backend(odd.url, ApiKey(KEY)), notes.note) as service:
        follow_job("job-1", service, notes, Pace(5, 600), pauses.append)
    assert [pause for pause in pauses if pause >= 5] == [7, 5, 5, 5]
    assert len(notes.notes) == 1


@pytest.mark.parametrize("status", [401, 403])
@pytest.mark.parametrize("what", ["job-1", "events", "metrics"])
def test_a_refused_api_key_ends_following(what: str, status: int) -> None:
    tale, no = Tale(5), Answer({}, status)
    with pytest.raises(RefusedError, match=f"HTTP {status}"):
        hear(lambda ask: no if ask.path.partition("?")[0].endswith(what) else tale(ask), Notes())


def test_an_unknown_job_ends_following() -> None:
    with pytest.raises(RefusedError, match="HTTP 404"):
        hear(lambda _: Answer({}, 404), Notes())
