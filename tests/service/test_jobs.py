"""Jobs over HTTP: created once per idempotency key, started, cancelled and listed."""

from datetime import datetime, timedelta, timezone
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
import rfc8785

from support.services import Client, good, payload, process, refusal, rows

JSON = {"Content-Type": "application/json"}


def test_a_created_job_waits_to_be_started(service: Client, file: str) -> None:
    job = payload(file, container_count=2)
    answer = service.create(job, "key-of-mine")
    body = good(answer)
    assert answer.status_code == 201
    assert body == {
        "job_id": body["id"],
        "id": body["id"],
        "object": "job",
        "type": "sft_offline",
        "model": "Qwen/Qwen3-4B",
        "status": "created",
        "payload_digest": f"sha256:{sha256(rfc8785.dumps(job)).hexdigest()}",
        "idempotency_key": "key-of-mine",
        "fine_tuned_model": None,
        "error": None,
        "created_at": body["created_at"],
        "finished_at": None,
    }
    assert datetime.fromisoformat(body["created_at"]).utcoffset() == timedelta()
    assert service.job(body["id"]) == body
    assert [each["phase"] for each in service.listed(f"/jobs/{body['id']}/timeline")] == ["created"]


def test_an_idempotency_key_identifies_one_job(service: Client, file: str) -> None:
    first = service.create(payload(file, a=1, b=2), "k" * 255)
    again = service.create(payload(file, b=2.0, a=1), "k" * 255)
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json() == again.json()
    id = first.json()["id"]
    good(service.post(f"/jobs/{id}/start", json={}))
    ended = service.once(id)
    assert good(service.create(payload(file, a=1, b=2), "k" * 255)) == ended
    refusal(service.create(payload(file, a=2), "k" * 255), 409, "idempotency_conflict")
    assert service.job(id) == ended


def test_requests_without_a_key_or_with_different_keys_create_jobs(service: Client, file: str) -> None:
    answers = [service.create(payload(file), key) for key in (None, None, "one", "two", "ONE")]
    assert [answer.status_code for answer in answers] == [201] * 5
    assert len({answer.json()["id"] for answer in answers}) == 5
    assert len({answer.json()["payload_digest"] for answer in answers}) == 1


def test_a_job_without_the_training_extra_fails_and_names_it(service: Client, file: str) -> None:
    id = service.started(file)
    job = service.once(id)
    assert (job["status"], job["fine_tuned_model"]) == ("failed", None)
    assert "pip install 'sftc[train]'" in job["error"]
    assert datetime.fromisoformat(job["finished_at"]) >= datetime.fromisoformat(job["created_at"])
    phases = [each["phase"] for each in service.listed(f"/jobs/{id}/timeline")]
    assert phases == ["created", "queued", "running", "failed"]
    assert good(service.post(f"/jobs/{id}/start", json={})) == job
    assert good(service.post(f"/jobs/{id}/cancel")) == job
    assert [each["phase"] for each in service.listed(f"/jobs/{id}/timeline")] == phases


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "invalid_json"),
        (b"[]", "invalid_body"),
        (b"null", "invalid_body"),
        (b'{"a": 1}', "invalid_body"),
    ],
)
def test_a_start_request_with_an_invalid_body_is_refused(
    service: Client, file: str, body: bytes, code: str
) -> None:
    id = good(service.create(payload(file)))["id"]
    refusal(service.post(f"/jobs/{id}/start", content=body, headers=JSON), 400, code)
    assert service.job(id)["status"] == "created"


def test_a_job_cancelled_before_its_start_stays_cancelled(service: Client, file: str) -> None:
    id = good(service.create(payload(file)))["id"]
    cancelled = good(service.post(f"/jobs/{id}/cancel"))
    assert cancelled["status"] == "cancelled"
    assert cancelled["finished_at"]
    for path in ("start", "cancel"):
        assert good(service.post(f"/jobs/{id}/{path}", json={})) == cancelled
    assert [each["phase"] for each in service.listed(f"/jobs/{id}/timeline")] == ["created", "cancelled"]


def test_jobs_are_listed_newest_first_and_filtered(tmp_path: Path) -> None:
    with process(tmp_path) as running, Client(running.url) as client:
        assert client.listed("/jobs") == []
        file = client.ready(rows(1))
        jobs = [good(client.create(payload(file)))["id"] for _ in range(104)]
        good(client.post(f"/jobs/{jobs[1]}/cancel"))
        known = {each["id"]: each for each in client.listed("/jobs", limit=1000)}
        assert [*known] == jobs[::-1]
        assert [client.job(id) for id in jobs[:3]] == [known[id] for id in jobs[:3]]
        assert ids(client) == ids(client, limit=100) == jobs[:-101:-1]
        assert ids(client, limit=2) == jobs[:-3:-1]
        assert ids(client, status="cancelled") == [jobs[1]]
        assert ids(client, status="created", limit=1000) == [*jobs[:1:-1], jobs[0]]
        assert ids(client, status="nonesuch") == ids(client, type="rl_online") == []
        assert ids(client, type="sft_offline", limit=1) == jobs[-1:]
        moment = datetime.fromisoformat(known[jobs[99]]["created_at"])
        for each in (moment, moment.astimezone(timezone(timedelta(hours=5)))):
            assert ids(client, created_after=each.isoformat()) == jobs[:99:-1]
        assert ids(client, created_after=moment.replace(tzinfo=None).isoformat() + "Z") == jobs[:99:-1]
        assert ids(client, created_after=moment.isoformat(), status="cancelled") == []


@pytest.mark.parametrize(
    "moment",
    [
        "",
        "yesterday",
        "2026-01-31",
        "2026-01-31T12:00:00",
        "2026-01-31 12:00:00Z",
        "2026-01-31T12:00:00 00:00",
        "20260131T120000Z",
        "2026-W05-6T12:00:00Z",
        "2026-02-30T12:00:00Z",
        "2026-01-31T24:00:00Z",
        "2026-01-31T12:00:00+24:00",
        "0001-01-01T00:00:00+00:01",
        "9999-12-31T23:59:59-00:01",
        "٢026-01-31T12:00:00Z",
        "2026-01-31T12:00:00Z\n",
        "\x00",
    ],
)
def test_a_time_that_is_not_rfc_3339_is_refused(service: Client, moment: str) -> None:
    refusal(service.get("/jobs", params={"created_after": moment}), 400, "invalid_query")


def test_times_of_every_rfc_3339_form_are_accepted(service: Client, file: str) -> None:
    id = good(service.create(payload(file)))["id"]
    for before in ("2026-01-31t12:00:00z", "2026-01-31T12:00:00.123456789-23:59", "0001-01-01T00:00:00Z"):
        assert id in ids(service, created_after=before)
    for after in ("9999-12-31T23:59:59.9999999Z", "9000-01-01T00:00:00+14:00"):
        assert ids(service, created_after=after) == []


def test_an_idempotency_key_survives_a_crash(tmp_path: Path) -> None:
    with process(tmp_path) as running, Client(running.url) as client:
        file = client.ready(rows(1))
        job = good(client.create(payload(file), "key"))
        running.kill()
    with process(tmp_path) as running, Client(running.url) as client:
        again = client.create(payload(file), "key")
        assert (again.status_code, again.json()) == (200, job)
        refusal(client.create(payload(file, a=1), "key"), 409, "idempotency_conflict")
        assert ids(client) == [job["id"]]


def ids(client: Client, **query: Any) -> list[str]:
    return [each["id"] for each in client.listed("/jobs", **query)]
