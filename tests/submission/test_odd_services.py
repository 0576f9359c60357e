"""Submit to services that implement less of the contract, and submit files that changed."""

import os
from pathlib import Path
from typing import Any

import pytest

from sftc.submission.endpoint import ApiKey, Backend
from sftc.submission.failures import SubmissionError, UnreachableError
from sftc.submission.journal import Intent, Journal
from sftc.submission.submit import Order
from support.backends import Answer, Asked, data_file, embedded, odd_service
from support.environment import KEY
from support.orders import Client, Hosted
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
