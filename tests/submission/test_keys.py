"""Idempotency keys: which order they identify, and how the client recovers from lost responses."""

import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from sftc.submission.failures import KeyInUseError, RefusedError, UnreachableError
from sftc.submission.journal import Intent, Journal
from support.backends import PAYLOAD, Answer, Asked, Fails, Succeeds, Waits, embedded, odd_service
from support.environment import KEY
from support.lossy_proxy import Passing, line
from support.orders import LOST, OTHER, Client, Hosted
from support.training_files import GOOD, row
from support.waiting import eventually

AUTHORIZED = {"Authorization": f"Bearer {KEY}"}


FILES = {"rows.jsonl": GOOD, "other.jsonl": row(11)}


def intent(folder: Path, key: str) -> Intent | None:
    with Journal("the service", folder / "journal") as journal:
        return journal.intent(key)


def test_an_idempotency_key_identifies_one_order(folder: Path, client: Client) -> None:
    with embedded(folder / "data", Waits()) as service, line(service.url) as way:
        job = client.submit(way.url, client.order(key="mine"))
        del way.heads[:]
        for order in (client.order(payload=OTHER, key="mine"), client.order("other.jsonl", key="mine")):
            with pytest.raises(KeyInUseError, match=f"^the idempotency key mine belongs to {job},"):
                client.submit(way.url, order)
        assert way.heads == []
        assert client.submit(way.url, client.order(key="mine")) == job


def test_a_key_that_the_service_has_for_another_order_is_refused(folder: Path, client: Client) -> None:
    with embedded(folder / "data", Waits()) as service:
        Client(folder, "elsewhere").submit(service.url, client.order(key="mine"))
        for _ in range(2):
            with pytest.raises(
                RefusedError, match=r"HTTP 409 .*the idempotency key is mine: .* --idempotency"
            ) as refused:
                client.submit(service.url, client.order(payload=OTHER, key="mine"))
            assert refused.value.status == 409
        assert len(service.jobs()) == 1
        assert intent(folder, "mine") is None


def test_a_job_of_another_order_is_not_mistaken_for_a_lost_job(folder: Path, client: Client) -> None:
    with embedded(folder / "data", Waits()) as service:
        Client(folder, "elsewhere").submit(service.url, client.order(key="mine"))
        with Journal("the service", folder / "journal") as journal:
            for order in (client.order(key="mine"), client.order(payload=OTHER, key="mine")):
                journal.intend("mine", order.identity)
        with pytest.raises(RefusedError, match="HTTP 409"):
            client.submit(service.url, client.order(payload=OTHER, key="mine"))
        assert len(service.jobs()) == 1


def test_a_lost_response_is_recovered_within_the_run(folder: Path, client: Client) -> None:
    lost = [b"POST /api/learning/jobs HTTP"]

    def carry(passing: Passing) -> bytes | None:
        answer = passing.ask()
        if lost and passing.head.startswith(lost[0]):
            lost.clear()
            return None
        return answer

    with embedded(folder / "data", Waits()) as service, line(service.url, carry) as way:
        job = client.submit(way.url, client.order())
        assert [each["id"] for each in service.jobs()] == [job]
        assert f"an earlier try created {job}: attaching to it" in client.told
        assert way.requests.count("POST /api/learning/jobs") == 1


@pytest.mark.parametrize("executor", [Fails, Succeeds])
def test_a_lost_journal_does_not_change_the_jobs(folder: Path, executor: type[Fails | Succeeds]) -> None:
    """As in CI, where each run starts with an empty disk."""
    with embedded(folder / "data", executor()) as service:
        for number in range(3):
            client = Client(folder, f"journal-{number}")
            client.submit(service.url, client.order())
            eventually(lambda: service.jobs()[-1]["status"] in {"failed", "succeeded"})
        assert len(service.jobs()) == (3 if executor is Fails else 1)


def test_a_service_that_ends_every_job_is_not_retried_forever(client: Client) -> None:
    made = []

    def ends(asked: Asked) -> Answer:
        if asked.path.endswith("/jobs"):
            made.append(asked.headers["Idempotency-Key"])
            return Answer({"id": "job-1", "status": "cancelled"})
        return Answer({"id": "file-1", "status": "ready"})

    with (
        odd_service(ends) as service,
        pytest.raises(KeyInUseError, match=r"^100 jobs of this order have failed"),
    ):
        client.submit(service.url, client.order(key="mine"))
    assert len({*made}) == len(made) == 100
    assert (made[0], made[-1]) == ("mine", "mine-100")


@pytest.mark.parametrize("status", [409, 400])
def test_a_lost_response_to_a_start_request_is_not_an_error(client: Client, status: int) -> None:
    """A service may refuse to start a job that is already running."""
    hosted = Hosted()

    def strict(asked: Asked) -> Answer:
        if not asked.path.endswith("/start"):
            return hosted(asked)
        hosted.started.append("job-1")
        hosted.jobs["job-1"]["status"] = "queued"
        return LOST if len(hosted.started) == 1 else Answer({}, status)

    with odd_service(strict) as service:
        for _ in range(2):
            assert client.submit(service.url, client.order()) == "job-1"
    assert len(hosted.started) == 2


def test_a_job_that_could_not_be_started_is_started_by_the_next_run(client: Client) -> None:
    hosted = Hosted()
    bad = [Answer({"error": {"message": "no money"}}, 402)]

    def poor(asked: Asked) -> Answer:
        return bad.pop() if bad and asked.path.endswith("/start") else hosted(asked)

    with odd_service(poor) as service:
        with pytest.raises(RefusedError, match="HTTP 402: no money"):
            client.submit(service.url, client.order())
        assert client.submit(service.url, client.order()) == "job-1"
        assert client.submit(service.url, client.order()) == "job-1"
    assert (len(hosted.jobs), hosted.started) == (1, ["job-1"])


def test_a_refusal_removes_the_intent_unless_a_job_may_exist(folder: Path, client: Client) -> None:
    answers = [LOST, Answer({}, 400)]

    def moody(asked: Asked) -> Answer:
        if asked.method == "POST" and asked.path.endswith("/jobs"):
            return answers.pop(0) if len(answers) > 1 else answers[0]
        return Hosted()(asked)

    with odd_service(moody) as service:
        for key, known in (("unsure", True), ("sure", False)):
            with pytest.raises(RefusedError, match="HTTP 400"):
                client.submit(service.url, client.order(key=key))
            assert (intent(folder, key) is not None) == known


@pytest.mark.parametrize("status", [401, 403])
def test_a_refused_api_key_is_not_mistaken_for_a_bad_validation_file(client: Client, status: int) -> None:
    hosted, uploads = Hosted(), []

    def strict(asked: Asked) -> Answer:
        if asked.method == "POST" and asked.path.endswith("/files"):
            uploads.append(asked)
            return Answer({}, status) if len(uploads) == 2 else hosted(asked)
        return hosted(asked)

    with odd_service(strict) as service, pytest.raises(RefusedError, match=f"HTTP {status}"):
        client.submit(service.url, client.order(validation="other.jsonl"))
    assert hosted.jobs == {}


def test_a_job_that_the_service_lost_is_looked_up_and_created_again(client: Client) -> None:
    hosted = Hosted()
    with odd_service(hosted) as service:
        client.submit(service.url, client.order())
        hosted.jobs["job-2"] = {**hosted.jobs.pop("job-1"), "job_id": "job-2"}
        assert client.submit(service.url, client.order()) == "job-2"
        assert "the service no longer has job-1" in client.told
        hosted.jobs.clear()
        assert client.submit(service.url, client.order()) == "job-1"
    assert hosted.started == ["job-1", "job-2", "job-1"]


def test_a_failed_lookup_does_not_create_a_second_job(client: Client) -> None:
    hosted = Hosted(lost=1)

    def shy(asked: Asked) -> Answer:
        return Answer({}, 503) if "?limit=" in asked.path else hosted(asked)

    with odd_service(shy) as service, pytest.raises(UnreachableError, match="HTTP 503"):
        client.submit(service.url, client.order(), tries=4)
    assert len(hosted.jobs) == 1


def test_a_second_attempt_has_its_own_key(folder: Path, client: Client) -> None:
    with embedded(folder / "data", Waits()) as service:
        jobs = []
        for _ in range(2):
            jobs.append(client.submit(service.url, client.order(key="mine")))
            httpx.post(f"{service.url}/learning/jobs/{jobs[-1]}/cancel", json={}, headers=AUTHORIZED)
            eventually(lambda: service.jobs()[-1]["status"] == "cancelled")
        assert [job["idempotency_key"] for job in service.jobs()] == ["mine", "mine-2"]
        with pytest.raises(KeyInUseError, match="mine-2 belongs to"):
            client.submit(service.url, client.order(payload=OTHER, key="mine-2"))


def test_the_payload_is_sent_unchanged_except_for_the_file(client: Client) -> None:
    hosted: Hosted = Hosted()
    sent: list[dict[str, Any]] = []

    def keeps(asked: Asked) -> Answer:
        if asked.method == "POST" and asked.path.endswith("/jobs"):
            sent.append(json.loads(asked.body))
        return hosted(asked)

    with odd_service(keeps) as service:
        client.submit(service.url, client.order())
    assert sent == [{**PAYLOAD, "training_file_id": "file-1"}]
