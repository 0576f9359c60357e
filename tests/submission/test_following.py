"""Follow a job on a scripted service whose responses are sometimes broken."""

import random
from collections.abc import Callable
from typing import Any

import pytest

from sftc.submission.client import Patience, ServiceClient
from sftc.submission.endpoint import ApiKey, Backend
from sftc.submission.failures import JobCancelledError, JobFailedError, RefusedError, UnreachableError
from sftc.submission.follow import Pace, follow_job
from support.backends import Answer, Asked, odd_service
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


@pytest.mark.parametrize("name", ["status", "state"])
@pytest.mark.parametrize("status", ["succeeded", "completed", "failed", "cancelled", "canceled"])
def test_every_name_of_a_final_status_is_understood(name: str, status: str) -> None:
    tale, notes = Tale(3), Notes()
    tale.ends = {name: status, "fine_tuned_model": "ft-m"}
    if status in {"succeeded", "completed"}:
        assert hear(tale, notes)[0] == tale.ends
    else:
        with pytest.raises(JobFailedError if status == "failed" else JobCancelledError, match="job-1"):
            hear(tale, notes)
    assert notes.statuses == ["running", status]


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
    assert pauses == [7, 5, 5, 5]
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
