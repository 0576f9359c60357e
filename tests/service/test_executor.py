"""Jobs that an executor runs: events, metrics, results, cancellation and restarts."""

import errno
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sftc.service.executor import FailedError, Report, Task
from sftc.service.store import Store
from support.services import STEPS, Client, Steps, good, payload, process, refusal, rows, thread


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Client]:
    with thread(tmp_path, Steps()) as client:
        yield client


def phases(client: Client, id: str) -> list[str]:
    return [each["phase"] for each in client.listed(f"/jobs/{id}/timeline")]


def attempts(client: Client, id: str) -> list[Any]:
    events = client.listed(f"/jobs/{id}/events")
    return [each["data"]["attempt"] for each in events if each["type"] == "log"]


def test_a_job_succeeds_with_a_model_and_events(service: Client, file: str, tmp_path: Path) -> None:
    validation = service.ready(rows(2, count=5))
    job = payload(file, steps=2)
    job["metadata"]["effective_config"]["data"]["validation_files"] = [validation]
    id = good(service.create(job))["id"]
    good(service.post(f"/jobs/{id}/start", json={}))
    ended = service.once(id)
    assert ended["status"] == "succeeded"
    assert ended["fine_tuned_model"] == f"Qwen/Qwen3-4B:{id}"
    assert ended["error"] is None
    assert ended["finished_at"] > ended["created_at"]
    assert phases(service, id) == ["created", "queued", "running", "succeeded"]
    events = service.listed(f"/jobs/{id}/events")
    assert [each["seq"] for each in events] == [1, 2, 3, 4, 5]
    assert [each["type"] for each in events] == ["status", "status", "status", "log", "status"]
    told = {"attempt": 1, "files": [3, 5], "kept": ["attempt-1"]}
    assert (events[3]["message"], events[3]["data"]) == ("attempt 1", told)
    assert [each["created_at"] for each in events] == sorted(each["created_at"] for each in events)
    assert (tmp_path / "jobs" / id / "attempt-1").exists()


def test_events_are_paged_by_sequence_number(service: Client, file: str) -> None:
    id = service.started(file)
    service.once(id)
    events = service.listed(f"/jobs/{id}/events")
    for since in range(7):
        assert service.listed(f"/jobs/{id}/events", since_seq=since) == events[since:]
        assert service.listed(f"/jobs/{id}/events", since_seq=since, limit=2) == events[since : since + 2]
    assert service.listed(f"/jobs/{id}/events", since_seq=2**63 - 1) == []


def test_metrics_are_filtered_by_name_and_paged_by_step(service: Client, file: str) -> None:
    id = service.started(file, steps=150)
    service.once(id)
    points = service.listed(f"/jobs/{id}/metrics", limit=1000)
    said = [(each["name"], each["step"], each["value"]) for each in points]
    names = {"train.loss": 1, "val.loss": 2}
    assert said == [(name, step, of / (step + 1)) for step in range(150) for name, of in names.items()]
    path = f"/jobs/{id}/metrics"
    assert service.listed(path) == points[:100]
    assert service.listed(path, after_step=-2, limit=3) == service.listed(path, after_step=-1, limit=3)
    assert service.listed(path, name="val.loss", limit=1000) == points[1::2]
    assert service.listed(path, name="val.loss", after_step=147) == points[1::2][148:]
    assert service.listed(path, name="val.loss", after_step=3, limit=2) == points[1::2][4:6]
    assert service.listed(path, name="nonesuch") == service.listed(path, after_step=149) == []


@pytest.mark.parametrize("value", ["nan", "inf", "-inf", "1e308", "5e-324"])
def test_metrics_can_have_any_value(service: Client, file: str, value: str) -> None:
    id = service.started(file, steps=1, points={"odd": value, "after": "7"})
    assert service.once(id)["status"] == "succeeded"
    points = {each["name"]: each["value"] for each in service.listed(f"/jobs/{id}/metrics")}
    assert (points["train.loss"], points["after"]) == (1, 7)
    told = [each for each in service.listed(f"/jobs/{id}/events") if each["type"] == "metric"]
    if math.isfinite(float(value)):
        assert (points["odd"], told) == (float(value), [])
    else:
        assert "odd" not in points
        assert [each["data"] for each in told] == [{"name": "odd", "step": 0, "value": value}]


def test_a_non_finite_metric_is_reported_once_until_it_is_finite_again(tmp_path: Path) -> None:
    class Odd:
        async def run(self, task: Task, report: Report) -> str:
            for step, value in enumerate([math.nan, math.inf, 3.0, math.nan, math.nan]):
                for name in ("a", "b"):
                    report.metric(name, step, value)
            return "model"

    with thread(tmp_path, Odd()) as client:
        id = client.started(client.ready(rows(1)))
        client.once(id)
        told = [each["data"] for each in client.listed(f"/jobs/{id}/events") if each["type"] == "metric"]
        assert [(each["name"], each["step"]) for each in told] == [("a", 0), ("b", 0), ("a", 3), ("b", 3)]
        points = client.listed(f"/jobs/{id}/metrics")
        assert [(each["name"], each["step"], each["value"]) for each in points] == [("a", 2, 3), ("b", 2, 3)]


def test_values_that_json_cannot_represent_are_replaced_in_events(service: Client, file: str) -> None:
    data = '{"a": [NaN, {"b": -Infinity}, 1e308, 7, null, true], "half": "\\ud800", "\\udfff": "é\\u0000😀"}'
    event = f'{{"type": "\\udc00", "message": "half \\udcff", "data": {data}}}'
    id = service.started(file, events=[event])
    assert service.once(id)["status"] == "succeeded"
    [told] = service.listed(f"/jobs/{id}/events", since_seq=4, limit=1)
    assert (told["type"], told["message"]) == ("\\udc00", "half \\udcff")
    assert told["data"] == {
        "a": [None, {"b": None}, 1e308, 7, None, True],
        "half": "\\ud800",
        "\\udfff": "é\x00😀",
    }


@pytest.mark.parametrize(
    "event",
    [
        '{"type": "status", "message": "m"}',
        '{"type": "log", "message": "m", "data": {"a": %s}}' % ("[" * 900 + "]" * 900),
    ],
    ids=["of the service's own type", "deep"],
)
def test_an_invalid_event_is_a_bug_in_the_executor(service: Client, file: str, event: str) -> None:
    id = service.started(file, events=[event])
    job = service.once(id)
    assert job["status"] == "failed"
    assert "a bug in the executor" in job["error"]
    assert phases(service, id) == ["created", "queued", "running", "failed"]
    assert service.listed(f"/jobs/{id}/events")


@pytest.mark.parametrize(
    ("topology", "error"),
    [
        ({"end": "refuse"}, "no GPU is free"),
        ({"end": "refuse", "why": '"\\u0000 \\ud83d\\ude00 é"'}, "\x00 😀 é"),
        ({"end": "refuse", "why": '"cannot read \\udcff.jsonl"'}, "cannot read \\udcff.jsonl"),
        ({"end": "crash"}, "a bug in the executor: ZeroDivisionError: by zero"),
    ],
)
def test_a_failed_job_has_the_reason(
    service: Client, file: str, topology: dict[str, str], error: str
) -> None:
    id = service.started(file, **topology)
    job = service.once(id)
    assert (job["status"], job["error"], job["fine_tuned_model"]) == ("failed", error, None)
    assert job["finished_at"]
    assert phases(service, id) == ["created", "queued", "running", "failed"]
    assert service.listed(f"/jobs/{id}/events")[-1]["message"] == error


def test_jobs_run_one_after_another_and_a_running_one_can_be_cancelled(service: Client, file: str) -> None:
    first = service.started(file, end="wait")
    later = [service.started(file) for _ in range(3)]
    service.once(first, "running")
    assert [service.job(id)["status"] for id in later] == ["queued"] * 3
    assert good(service.post(f"/jobs/{later[1]}/cancel"))["status"] == "cancelled"
    good(service.post(f"/jobs/{first}/cancel"))
    assert service.once(first)["status"] == "cancelled"
    assert [service.once(id)["status"] for id in later] == ["succeeded", "cancelled", "succeeded"]
    assert phases(service, first) == ["created", "queued", "running", "cancelled"]
    assert phases(service, later[1]) == ["created", "queued", "cancelled"]
    moved = {each["id"]: each["finished_at"] for each in service.listed("/jobs")}
    assert moved[first] < moved[later[0]] < moved[later[2]]


def test_a_job_that_has_ended_does_not_change(service: Client, file: str) -> None:
    id = service.started(file)
    ended = service.once(id)
    assert good(service.post(f"/jobs/{id}/cancel")) == ended
    assert good(service.post(f"/jobs/{id}/start", json={})) == ended
    assert service.job(id) == ended


def test_a_job_resumes_after_the_service_restarts(tmp_path: Path) -> None:
    with thread(tmp_path, Steps()) as client:
        file = client.ready(rows(1))
        running = client.started(file, end="wait once")
        queued = client.started(file)
        client.once(running, "running")
    with thread(tmp_path, Steps()) as client:
        assert [client.once(id)["status"] for id in (running, queued)] == ["succeeded"] * 2
        assert (attempts(client, running), attempts(client, queued)) == ([1, 2], [1])
        kept = client.listed(f"/jobs/{running}/events")[-2]["data"]["kept"]
        assert kept == ["attempt-1", "attempt-2"]


def test_a_job_resumes_after_the_service_was_killed(tmp_path: Path) -> None:
    with process(tmp_path, STEPS) as service, Client(service.url) as client:
        file = client.ready(rows(1))
        running = client.started(file, end="wait once", steps=1)
        created = good(client.create(payload(file)))["id"]
        queued = client.started(file)
        client.once(running, "running")
        service.kill()
    with process(tmp_path, STEPS) as service, Client(service.url) as client:
        assert [client.once(id)["status"] for id in (running, queued)] == ["succeeded"] * 2
        assert client.job(created)["status"] == "created"
        assert attempts(client, running) == [1, 2]
        assert [each["seq"] for each in client.listed(f"/jobs/{running}/events")] == [*range(1, 9)]


@pytest.mark.parametrize("resumes", [True, False])
@pytest.mark.parametrize("full", [True, False])
def test_a_job_continues_a_failed_one_with_the_same_payload_if_that_can_be(
    tmp_path: Path, *, resumes: bool, full: bool
) -> None:
    class Once:
        async def run(self, task: Task, report: Report) -> str:
            found = sorted(path.name for path in task.folder.iterdir())
            report.event("log", " ".join(found))
            if found == ["checkpoint"]:
                return "model"
            (task.folder / "checkpoint").touch()
            if full:
                raise OSError(errno.ENOSPC, "No space left on device")
            raise FailedError("there is no room", resumes=resumes)

    with thread(tmp_path, Once()) as client:
        file = client.ready(rows(1))
        first = client.started(file)
        failed = client.once(first)
        assert failed["status"] == "failed"
        assert full == ("the disk of the service is full" in failed["error"])
        assert client.once(client.started(file, end="other"))["status"] == "failed"
        again = client.started(file)
        expected = "succeeded" if resumes or full else "failed"
        assert client.once(again)["status"] == expected
        continued = [
            each["data"] for each in client.listed(f"/jobs/{again}/events") if each["type"] == "continues"
        ]
        assert continued == [{"job": first}] * (expected == "succeeded")
        assert not (tmp_path / "reserve").exists()


def test_an_unknown_job_has_no_events_metrics_or_timeline(service: Client) -> None:
    for path in ("events", "metrics", "timeline"):
        refusal(service.get(f"/jobs/job-0/{path}", params={"limit": "5"}), 404, "unknown_job")


def test_a_repeated_metric_point_replaces_the_first(tmp_path: Path) -> None:
    store = Store(tmp_path / "service.db")
    for name, step, value in (("train.loss", 1, 2.0), ("val.loss", 1, 3.0), ("train.loss", 1, 1.5)):
        store.metric("job-1", name, step, value)
    points = [(each["name"], each["value"]) for each in store.metrics("job-1", None, -1, 10)]
    store.close()
    assert points == [("val.loss", 3.0), ("train.loss", 1.5)]


def test_the_validation_file_can_be_the_training_file(service: Client, file: str) -> None:
    job = payload(file)
    job["metadata"]["effective_config"]["data"]["validation_files"] = [file]
    id = good(service.create(job))["id"]
    good(service.post(f"/jobs/{id}/start", json={}))
    assert service.once(id)["status"] == "succeeded"
    [told] = [event["data"] for event in service.listed(f"/jobs/{id}/events") if event["type"] == "log"]
    assert told["files"] == [3, 3]
