"""Where a job comes from: what the service keeps of it, shows, and gives to the executor."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sftc.service.executor import Report, Task
from sftc.service.pages.config_view import config_view
from sftc.service.pages.read_back import sent_values
from support.services import Client, good, payload, refusal, rows, thread

COMMIT = "0123456789" * 4
LINES = ["[job]", 'model = "Qwen/Qwen3-4B"', "[hyperparameters]", "lr = <1>"]


class Revisions:
    """Runs jobs that do nothing, and keeps the revision of each."""

    def __init__(self) -> None:
        self.seen: list[str | None] = []

    async def run(self, task: Task, report: Report) -> str:
        self.seen.append(task.git_revision)
        return "model"


@pytest.fixture
def revisions() -> Revisions:
    return Revisions()


@pytest.fixture
def service(tmp_path: Path, revisions: Revisions) -> Iterator[Client]:
    with thread(tmp_path / "data", revisions) as client:
        yield client


@pytest.fixture
def job(service: Client) -> str:
    """Return a job that is not started."""
    return str(good(service.create(payload(service.ready(rows(1)))))["id"])


def provenance(**changes: Any) -> dict[str, Any]:
    """Return what a client says of a job with the config `LINES`."""
    found = {"id": "a-rule", "severity": "note", "message": "too <high>", "help": "less"}
    return {
        "git_revision": COMMIT,
        "files": [{"path": "job.toml", "text": "\r\n".join(LINES) + "\n"}],
        "findings": [{**found, "path": "job.toml", "line": 4}],
        "origins": {
            "/model": {"kind": "config", "key": "job.model", "path": "job.toml", "line": 2},
            "/metadata/effective_config/compute/gpu_type": {"kind": "flag", "path": "--set"},
            "/training_file_id": {"kind": "constant"},  # for the compiler, which does not know it yet
        },
        **changes,
    }


def describe(service: Client, job: str, body: Any) -> Any:
    return service.put(f"/jobs/{job}/provenance", json=body)


def test_a_provenance_is_kept_until_the_job_starts_and_given_to_the_executor(
    service: Client, job: str, revisions: Revisions
) -> None:
    refusal(service.get(f"/jobs/{job}/provenance"), 404, "no_provenance")
    good(describe(service, job, provenance(git_revision=f"{COMMIT}-dirty")))
    assert good(describe(service, job, provenance()))["id"] == job  # the last one counts
    assert good(service.get(f"/jobs/{job}/provenance")) == provenance()
    good(service.post(f"/jobs/{job}/start", json={}))
    service.once(job)
    refusal(describe(service, job, provenance(findings=[])), 409, "already_started")
    assert good(service.get(f"/jobs/{job}/provenance")) == provenance()
    assert revisions.seen == [COMMIT]


def test_a_job_without_a_provenance_runs(service: Client, revisions: Revisions) -> None:
    service.once(service.started(service.ready(rows(1))))
    assert revisions.seen == [None]


@pytest.mark.parametrize(
    "body",
    [
        [],
        {},
        provenance(git_revision="HEAD"),
        provenance(files=[{"path": "job.toml"}]),
        provenance(files=[{"path": "job.toml", "text": 1}]),
        provenance(origins={"/model": {"kind": "magic"}}),
        provenance(origins={"/model": {"kind": "config", "line": 0}}),
        provenance(findings=[{"id": "a", "severity": "note", "message": "b", "path": "c", "more": 1}]),
        provenance(more=1),
    ],
)
def test_a_provenance_of_another_form_is_refused(service: Client, job: str, body: Any) -> None:
    assert len(refusal(describe(service, job, body), 400, "invalid_provenance")) < 300
    refusal(service.get(f"/jobs/{job}/provenance"), 404, "no_provenance")


def test_an_unknown_job_has_no_provenance(service: Client) -> None:
    refusal(describe(service, "none", provenance()), 404, "unknown_job")
    refusal(service.get("/jobs/none/provenance"), 404, "unknown_job")


def test_odd_texts_are_kept(service: Client, job: str) -> None:
    body = provenance(files=[{"path": "\x00\u202e", "text": "\ud800 \x00\n"}])
    answer = service.put(
        f"/jobs/{job}/provenance",
        content=json.dumps(body),
        headers={"Content-Type": "application/json"},
    )
    assert good(answer)["id"] == job
    assert good(service.get(f"/jobs/{job}/provenance"))["files"][0]["text"] == "\\ud800 \x00\n"


def test_lines_have_their_findings_and_values_and_the_rest_is_below() -> None:
    job = payload("file-1")
    sent = sent_values(job, ["`job.model`: there is no such model"])
    view = config_view(provenance(), sent)
    [file] = view.files
    assert [line.text for line in file.lines] == LINES
    assert [[each.at for each in line.sent] for line in file.lines] == [[], ["/model"], [], []]
    assert file.lines[1].reported == ["`job.model`: there is no such model"]
    assert [each["message"] for each in file.lines[3].findings] == ["too <high>"]
    assert view.findings == []
    others = {each.at: each.origin for _, values in view.others for each in values}
    assert "/model" not in others
    assert others["/metadata/effective_config/compute/gpu_type"] == "--set"
    assert others["/training_file_id"] == "submission"
    every = {each.at for _, values in sent for each in values}
    assert others.keys() | {"/model"} == every


def test_no_finding_or_value_of_a_long_file_is_lost() -> None:
    text = "\n" * 5000
    late = {"kind": "config", "path": "job.toml", "line": 4000}
    found = {"id": "a", "severity": "note", "message": "b", "path": "job.toml", "line": 4000}
    told = provenance(files=[{"path": "job.toml", "text": text}], origins={"/model": late}, findings=[found])
    view = config_view(told, sent_values(payload("file-1"), []))
    assert (len(view.files[0].lines), view.files[0].more) == (2000, 3000)
    assert view.findings == [found]
    others = {each.at: each.origin for _, values in view.others for each in values}
    assert others["/model"] == "job.toml:4000"


def test_a_list_has_the_origin_of_its_items() -> None:
    job = payload("file-1", stages=["a", "b"])
    at = "/metadata/effective_config/data/topology/stages"
    origins = {f"{at}/{number}": {"kind": "config", "path": "job.toml", "line": 3} for number in (0, 1)}
    view = config_view(provenance(origins=origins), sent_values(job, []))
    assert [each.at for each in view.files[0].lines[2].sent] == [at]
