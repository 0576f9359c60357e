"""Submit to services that implement less of the contract, and submit files that changed."""

import json
import os
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from sftc.submission.client import Patience, ServiceClient
from sftc.submission.endpoint import ApiKey, Backend
from sftc.submission.failures import RefusedError, SubmissionError, UnreachableError
from sftc.submission.journal import Intent, Journal
from sftc.submission.submit import Order, Submission
from sftc.submission.upload import Readiness
from support.backends import Answer, Asked, OddService, data_file, embedded, odd_service
from support.environment import KEY
from support.orders import LOST, Client, Hosted
from support.training_files import GOOD

FILES = {"rows.jsonl": GOOD}


def submit(url: str, order: Order, tries: int = 1) -> tuple[str, str]:
    """Return the id of the job, and the messages."""
    client = Client(Path())
    return client.submit(url, order, tries), "\n".join(client.told)


def order(path: str = "rows.jsonl") -> Order:
    return Client(Path()).order(path)


@pytest.mark.parametrize("names", [("job_id", "status"), ("id", "state")])
def test_a_job_is_found_in_the_list_if_the_service_ignores_the_key(names: tuple[str, str]) -> None:
    hosted = Hosted(lost=1)
    hosted.names = names
    with odd_service(hosted) as service:
        with pytest.raises(UnreachableError):
            submit(service.url, order())
        assert [*hosted.jobs] == ["job-1"]
        assert submit(service.url, order())[0] == "job-1"
        hosted.jobs["job-1"][names[1]] = "running"
        assert submit(service.url, order())[0] == "job-1"
    assert [*hosted.jobs] == hosted.started == ["job-1"]


def test_a_job_is_looked_up_before_a_retry() -> None:
    """The list shows the job of the first request, whose response was lost."""
    hosted = Hosted(lost=1)
    with odd_service(hosted) as service:
        job, told = submit(service.url, order(), tries=4)
    assert [*hosted.jobs] == [job]
    assert f"an earlier try created {job}: attaching to it" in told


def test_a_possible_second_job_is_announced() -> None:
    hosted = Hosted(lost=1, lists=False)
    with odd_service(hosted) as service:
        with pytest.raises(UnreachableError):
            submit(service.url, order())
        job, told = submit(service.url, order())
    assert job in hosted.started
    assert "there may now be two jobs: check with `sftc jobs list`" in told


@pytest.mark.parametrize("end", ["failed", "cancelled"])
def test_an_ended_job_is_not_mistaken_for_a_new_one(end: str) -> None:
    hosted = Hosted()
    with odd_service(hosted) as service:
        submit(service.url, order())
        hosted.jobs["job-1"]["status"] = end
        hosted.deaf = 1
        with pytest.raises(UnreachableError):
            submit(service.url, order())
        assert [*hosted.jobs] == ["job-1"]
        assert submit(service.url, order())[0] == "job-2"
    assert hosted.started == ["job-1", "job-2"]


def test_a_malformed_job_list_is_not_an_error() -> None:
    hosted = Hosted()
    lists: list[Any] = [None, "text", [None, "text", {}, {"payload_digest": None}], {"job-1": {}}]
    for jobs in lists:
        hosted.deaf = 1

        def odd(asked: Asked, jobs: Any = jobs) -> Answer:
            return Answer({"jobs": jobs}) if asked.path.endswith("?limit=100") else hosted(asked)

        with odd_service(odd) as service:
            with pytest.raises(UnreachableError):
                submit(service.url, order()._replace(key=f"{jobs}"))
            submit(service.url, order()._replace(key=f"{jobs}"))
    assert len(hosted.jobs) == 4


@pytest.mark.parametrize("body", [{}, {"job_id": None}, {"job_id": 7}, {"job": "job-1"}])
def test_a_job_without_an_id_in_the_response_is_found_by_the_next_run(body: dict[str, Any]) -> None:
    hosted = Hosted()

    def shy(asked: Asked) -> Answer:
        answer = hosted(asked)
        return Answer(body, 201) if answer.status == 201 else answer

    with odd_service(shy) as service:
        with pytest.raises(UnreachableError, match="did not return its id"):
            submit(service.url, order())
        assert submit(service.url, order())[0] == "job-1"
    assert [*hosted.jobs] == ["job-1"]


@pytest.mark.parametrize(
    ("name", "ready"),
    [("status", "ready"), ("state", "uploaded"), ("storage_state", "stored"), ("status", "complete")],
)
def test_the_client_waits_until_a_file_is_ready(name: str, ready: str) -> None:
    hosted, states = Hosted(), ("processing", "pending", "validating", ready)
    left = [Answer({}, 404), *(Answer({name: state}) for state in states)]

    def slow(asked: Asked) -> Answer:
        if asked.method == "GET" and "/files/" in asked.path:
            return left.pop(0)
        return hosted(asked)

    with odd_service(slow) as service:
        submit(service.url, order())
    assert left == []
    assert len(hosted.jobs) == 1


@pytest.mark.parametrize("ready", ["READY", " processed\n", "FILE_STATUS_READY"])
def test_the_status_of_a_file_may_be_spelled_otherwise(ready: str) -> None:
    hosted, left = Hosted(), [Answer({"status": "PENDING"}), Answer({"status": ready})]

    def other(asked: Asked) -> Answer:
        return left.pop(0) if asked.method == "GET" and "/files/" in asked.path else hosted(asked)

    with odd_service(other) as service:
        submit(service.url, order())
    assert (left, len(hosted.jobs)) == ([], 1)


@pytest.mark.parametrize("end", ["ERROR", "expired", "Stopped"])
def test_a_job_that_ended_under_another_word_is_replaced(end: str) -> None:
    hosted = Hosted()
    with odd_service(hosted) as service:
        submit(service.url, order())
        hosted.jobs["job-1"]["status"] = end
        assert submit(service.url, order())[0] == "job-2"


def test_a_new_job_may_be_unknown_for_a_moment_when_it_is_started() -> None:
    hosted, missing = Hosted(), [Answer({}, 404)] * 3

    def slow(asked: Asked) -> Answer:
        return missing.pop() if missing and asked.path.endswith("/start") else hosted(asked)

    with odd_service(slow) as service:
        job, _ = submit(service.url, order())
    assert hosted.started == [job]
    assert missing == []


def test_a_new_job_that_stays_unknown_is_refused(folder: Path) -> None:
    hosted, told = Hosted(), list[str]()

    def absent(asked: Asked) -> Answer:
        return Answer({}, 404) if asked.path.endswith("/start") else hosted(asked)

    with (
        odd_service(absent) as service,
        Journal("the service", folder / "journal") as journal,
        ServiceClient(Backend(service.url, ApiKey(KEY)), told.append) as client,
    ):
        submission = Submission(client, journal, told.append, readiness=Readiness(0.01, appearing=0.02))
        with pytest.raises(RefusedError, match="HTTP 404"):
            submission.submit(order())
    assert [asked.path for asked in service.asked].count("/api/learning/jobs/job-1/start") > 1


def uploads(service: OddService) -> int:
    return sum(asked.method == "POST" and asked.path.endswith("/files") for asked in service.asked)


def test_a_service_that_takes_long_to_answer_an_upload_gets_the_file_once(folder: Path) -> None:
    """The timeout for the response to an upload is another one than for other responses."""
    hosted, never, told = Hosted(), Event(), list[str]()

    def slow(asked: Asked) -> Answer:
        if asked.method == "POST" and asked.path.endswith("/files"):
            never.wait(0.6)  # longer than the timeout for another response
        return hosted(asked)

    patience = Patience(20, 0.001, answer=0.3, storing=60.0)
    with (
        odd_service(slow) as service,
        Journal("the service", folder / "journal") as journal,
        ServiceClient(Backend(service.url, ApiKey(KEY)), told.append, patience) as client,
    ):
        Submission(client, journal, told.append).submit(order())
        assert uploads(service) == 1


@pytest.mark.parametrize(
    ("listed", "sent"),
    [
        ({"files": [{"id": "file-1", "sha256": "DIGEST", "status": "ready"}]}, 1),
        (
            {
                "data": [
                    None,
                    {"id": "file-0", "sha256": "0" * 64},
                    {"id": "file-1", "sha256": "sha256:DIGEST"},
                ]
            },
            1,
        ),
        ({"files": [{"id": "file-0", "sha256": "DIGEST", "status": "error"}]}, 2),
        ({"files": [{"id": "file-0", "filename": "rows.jsonl", "bytes": 931}]}, 2),
        ({"files": [{"sha256": "DIGEST"}, {"id": 7, "sha256": "DIGEST"}, "DIGEST"]}, 2),
        ({"files": None}, 2),
        (None, 2),
    ],
)
def test_a_file_whose_upload_got_no_response_is_looked_for(listed: Any, sent: int) -> None:
    hosted, lost = Hosted(), [LOST]
    digest = order().training.digest.removeprefix("sha256:")
    text = json.dumps(listed).replace("DIGEST", digest)

    def lossy(asked: Asked) -> Answer:
        if asked.path.endswith("/files") and lost:
            return lost.pop()
        if asked.path.partition("?")[0].endswith("/files") and asked.method == "GET":
            return Answer({}, 405) if listed is None else Answer(text.encode())
        return hosted(asked)

    with odd_service(lossy) as service:
        submit(service.url, order(), tries=3)
        assert uploads(service) == sent
        [looked] = [
            asked.query for asked in service.asked if asked.path.partition("?")[0].endswith("/files")
        ][1:2]
    assert looked == {"sha256": digest, "limit": "100"}
    assert len(hosted.jobs) == 1


def test_a_refused_api_key_ends_the_search_for_a_file() -> None:
    with odd_service([LOST, Answer({}, 401)]) as service:
        with pytest.raises(RefusedError, match="HTTP 401"):
            submit(service.url, order(), tries=3)
        assert len(service.asked) == 2


@pytest.mark.parametrize("status", [401, 403])
def test_a_refused_api_key_ends_the_wait_and_the_file_is_remembered(status: int) -> None:
    def strict(asked: Asked) -> Answer:
        return Answer({}, status) if asked.method == "GET" else Hosted()(asked)

    with odd_service(strict) as service:
        with pytest.raises(SubmissionError, match=f"HTTP {status}"):
            submit(service.url, order())
        assert [asked.method for asked in service.asked] == ["POST", "GET"]
        service.script = hosted = Hosted()
        submit(service.url, order())
    assert [asked.path.rpartition("/learning/")[2] for asked in service.asked[2:4]] == [
        "files/file-1",
        "jobs",
    ]
    assert len(hosted.jobs) == 1


@pytest.mark.parametrize("text", [GOOD + GOOD, GOOD.replace("1", "2")])
def test_a_file_that_changed_after_the_check_is_not_used(folder: Path, text: str) -> None:
    """Otherwise the journal would store the file under the digest of its earlier contents."""
    checked = order()
    Path("rows.jsonl").write_text(text)
    with embedded(folder / "data") as service:
        with pytest.raises(SubmissionError, match=r"rows\.jsonl"):
            submit(service.url, checked)
        assert service.jobs() == []


@pytest.mark.parametrize(
    "name", ['a "b" %22\\.jsonl', "line\r\nX-Header: 1.jsonl", "é漢\u202e.jsonl", "\udcff.jsonl"]
)
def test_files_with_odd_names_can_be_uploaded(folder: Path, name: str) -> None:
    os.replace("rows.jsonl", name)
    with embedded(folder / "data") as service:
        submit(service.url, order(name))
        assert service.files() == [data_file(Path(name)).digest]


def test_each_service_and_key_has_a_journal_that_does_not_contain_the_key(folder: Path) -> None:
    with odd_service(Hosted()) as service:
        for key in (KEY, f"{KEY}2"):
            identity = Backend(service.url, ApiKey(key)).identity
            with Journal(identity) as journal:
                assert journal.intent("k") is None
                journal.intend("k", "digest")
                journal.keep_job("k", "job-1")
            with Journal(identity) as journal:
                assert journal.intent("k") == Intent("digest", "job-1", is_started=False)
    state = folder / "state/sftc"
    assert len([*state.glob("*.db")]) == 2
    assert state.stat().st_mode & 0o77 == 0
    for path in state.iterdir():
        assert KEY.encode() not in path.name.encode() + path.read_bytes()
