"""Idempotency keys: what they stand for, and what is done when an answer about one got lost."""

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


def test_a_key_of_ones_own_stands_for_one_order(folder: Path, client: Client) -> None:
    with embedded(folder / "data", Waits()) as service, line(service.url) as way:
        job = client.submit(way.url, client.order(key="mine"))
        del way.heads[:]
        for order in (client.order(payload=OTHER, key="mine"), client.order("other.jsonl", key="mine")):
            with pytest.raises(KeyInUseError, match=f"^the idempotency key mine belongs to {job},"):
                client.submit(way.url, order)
        assert way.heads == []
        assert client.submit(way.url, client.order(key="mine")) == job


def test_a_key_that_the_service_knows_for_another_order_is_refused(folder: Path, client: Client) -> None:
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


def test_a_job_of_another_order_under_the_same_key_is_not_taken_for_a_lost_one(
    folder: Path, client: Client
) -> None:
    with embedded(folder / "data", Waits()) as service:
        Client(folder, "elsewhere").submit(service.url, client.order(key="mine"))
        with Journal("the service", folder / "journal") as journal:
            for order in (client.order(key="mine"), client.order(payload=OTHER, key="mine")):
                journal.intend("mine", order.identity)
        with pytest.raises(RefusedError, match="HTTP 409"):
            client.submit(service.url, client.order(payload=OTHER, key="mine"))
        assert len(service.jobs()) == 1


def test_an_answer_that_got_lost_is_made_up_for_at_once(folder: Path, client: Client) -> None:
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
def test_a_client_without_a_journal_does_as_one_with(folder: Path, executor: type[Fails | Succeeds]) -> None:
    """As in CI, where each run begins with an empty disk."""
    with embedded(folder / "data", executor()) as service:
        for number in range(3):
            client = Client(folder, f"journal-{number}")
            client.submit(service.url, client.order())
            eventually(lambda: service.jobs()[-1]["status"] in {"failed", "succeeded"})
        assert len(service.jobs()) == (3 if executor is Fails else 1)


def test_a_service_that_ends_every_job_at_once_is_not_tried_for_ever(client: Client) -> None:
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
def test_a_start_of_which_the_answer_got_lost_is_no_reason_to_fail(client: Client, status: int) -> None:
    """A service may refuse to start what runs already."""
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


def test_a_job_that_cannot_be_started_is_started_by_a_later_try(client: Client) -> None:
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


def test_a_refusal_forgets_the_intent_unless_an_earlier_try_may_have_made_a_job(
    folder: Path, client: Client
) -> None:
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
def test_a_key_to_the_service_that_is_refused_is_not_taken_for_a_bad_validation_file(
    client: Client, status: int
) -> None:
    hosted, uploads = Hosted(), []

    def strict(asked: Asked) -> Answer:
        if asked.method == "POST" and asked.path.endswith("/files"):
            uploads.append(asked)
            return Answer({}, status) if len(uploads) == 2 else hosted(asked)
        return hosted(asked)

    with odd_service(strict) as service, pytest.raises(RefusedError, match=f"HTTP {status}"):
        client.submit(service.url, client.order(validation="other.jsonl"))
    assert hosted.jobs == {}


def test_a_job_that_the_service_has_lost_is_looked_for_and_made_anew(client: Client) -> None:
    hosted = Hosted()
    with odd_service(hosted) as service:
        client.submit(service.url, client.order())
        hosted.jobs["job-2"] = {**hosted.jobs.pop("job-1"), "job_id": "job-2"}
        assert client.submit(service.url, client.order()) == "job-2"
        assert "the service no longer has job-1" in client.told
        hosted.jobs.clear()
        assert client.submit(service.url, client.order()) == "job-1"
    assert hosted.started == ["job-1", "job-2", "job-1"]


def test_a_lookup_that_fails_makes_no_second_job(client: Client) -> None:
    hosted = Hosted(lost=1)

    def shy(asked: Asked) -> Answer:
        return Answer({}, 503) if "?limit=" in asked.path else hosted(asked)

    with odd_service(shy) as service, pytest.raises(UnreachableError, match="HTTP 503"):
        client.submit(service.url, client.order(), tries=4)
    assert len(hosted.jobs) == 1


def test_a_second_try_runs_under_a_key_of_its_own(folder: Path, client: Client) -> None:
    with embedded(folder / "data", Waits()) as service:
        jobs = []
        for _ in range(2):
            jobs.append(client.submit(service.url, client.order(key="mine")))
            httpx.post(f"{service.url}/learning/jobs/{jobs[-1]}/cancel", json={}, headers=AUTHORIZED)
            eventually(lambda: service.jobs()[-1]["status"] == "cancelled")
        assert [job["idempotency_key"] for job in service.jobs()] == ["mine", "mine-2"]
        with pytest.raises(KeyInUseError, match="mine-2 belongs to"):
            client.submit(service.url, client.order(payload=OTHER, key="mine-2"))


def test_what_is_sent_is_what_the_order_says(client: Client) -> None:
    hosted: Hosted = Hosted()
    sent: list[dict[str, Any]] = []

    def keeps(asked: Asked) -> Answer:
        if asked.method == "POST" and asked.path.endswith("/jobs"):
            sent.append(json.loads(asked.body))
        return hosted(asked)

    with odd_service(keeps) as service:
        client.submit(service.url, client.order())
    assert sent == [{**PAYLOAD, "training_file_id": "file-1"}]
