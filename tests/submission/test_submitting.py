"""Submit orders to the embedded service through a proxy that loses responses."""

import json
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from sftc.submission.failures import RefusedError, UnreachableError
from sftc.submission.submit import Order
from support.backends import PAYLOAD, Fails, Waits, data_file, embedded
from support.environment import KEY
from support.lossy_proxy import Line, Passing, line
from support.orders import OTHER, Client
from support.training_files import BROKEN, GOOD, row
from support.waiting import eventually

UPLOAD = ["POST /api/learning/files", "GET /api/learning/files/ID"]
CREATE = ["POST /api/learning/jobs", "POST /api/learning/jobs/ID/start"]


FILES = {"rows.jsonl": GOOD, "other.jsonl": row(11), "broken.jsonl": GOOD + BROKEN}


def asked(line: Line) -> list[str]:
    """Return the requests, with repeated polling as one request."""
    lines = line.requests
    return [each for each, before in zip(lines, ["", *lines], strict=False) if each != before]


def losing(what: str, *, reach: bool) -> Callable[[Passing], bytes | None]:
    """Return a handler that drops the responses to requests that create or list `what`."""
    made, listed = (f"{method} /api/learning/{what}".encode() for method in ("POST", "GET"))

    def carry(passing: Passing) -> bytes | None:
        if not passing.head.startswith((made + b" HTTP", listed + b"?")):
            return passing.ask()
        if reach:
            passing.ask()
        return None

    return carry


def test_files_are_uploaded_before_the_job_and_bound_to_it(folder: Path, client: Client) -> None:
    with embedded(folder / "data", Waits()) as service, line(service.url) as way:
        job = client.submit(way.url, client.order(validation="other.jsonl"))
        assert asked(way) == [*UPLOAD, *UPLOAD, *CREATE]
        names = {each["digest"]: each["id"] for each in service.rows("SELECT * FROM files")}
        [made] = service.jobs()
    training, validation = (
        names[data_file(folder / name).digest.removeprefix("sha256:")]
        for name in ("rows.jsonl", "other.jsonl")
    )
    payload = json.loads(made["payload"])
    assert made["id"] == job
    assert made["status"] != "created"
    assert payload["training_file_id"] == training
    assert payload["metadata"]["effective_config"]["data"] == {
        "topology": {},
        "validation_files": [validation],
    }
    payload["training_file_id"] = None
    del payload["metadata"]["effective_config"]["data"]["validation_files"]
    assert payload == PAYLOAD


def test_a_file_is_uploaded_again_only_if_the_service_lost_it(folder: Path, client: Client) -> None:
    with embedded(folder / "data", Waits()) as service, line(service.url) as way:
        first = client.submit(way.url, client.order())
        del way.heads[:]
        (folder / "rows.jsonl").rename(folder / "moved.jsonl")
        assert client.submit(way.url, client.order("moved.jsonl", payload=OTHER)) != first
        assert asked(way) == [UPLOAD[1], *CREATE]
        assert len(service.files()) == 1
    with embedded(folder / "new", Waits()) as service, line(service.url) as way:
        client.submit(way.url, client.order("moved.jsonl"))
        assert asked(way)[:2] == ["GET /api/learning/jobs/ID", UPLOAD[1]]
        assert asked(way)[2:] == [*UPLOAD, "GET /api/learning/jobs?limit=100", *CREATE]
        assert len(service.jobs()) == len(service.files()) == 1


def test_the_idempotency_key_depends_on_payload_and_files(client: Client) -> None:
    def key(order: Order) -> str:
        return next(order.names())

    again = {name: PAYLOAD[name] for name in reversed(PAYLOAD)}
    assert key(client.order()) == key(client.order(payload=again))
    orders = [
        client.order(),
        client.order("other.jsonl"),
        client.order(validation="other.jsonl"),
        client.order("other.jsonl", "rows.jsonl"),
        client.order(payload=OTHER),
    ]
    assert len({*map(key, orders)}) == len(orders)
    assert key(client.order(key="mine")) == "mine"


def test_an_order_is_submitted_once(folder: Path, client: Client) -> None:
    with embedded(folder / "data", Waits()) as service, line(service.url) as way:
        job = client.submit(way.url, client.order())
        [head] = [head for head in way.heads if head.startswith(b"POST /api/learning/jobs HTTP")]
        assert f"\r\nidempotency-key: {next(client.order().names())}\r\n".encode() in head.lower()
        del way.heads[:]
        assert client.submit(way.url, client.order()) == job
        assert asked(way) == ["GET /api/learning/jobs/ID"]
        assert client.told[-1] == f"this was submitted before as {job}: attaching to it"
        for order in (client.order(key="mine"), client.order(payload=OTHER)):
            assert client.submit(way.url, order) != job
        assert len(service.jobs()) == 3


@pytest.mark.parametrize("reach", [True, False])
@pytest.mark.parametrize("what", ["files", "jobs"])
def test_a_lost_response_is_recovered_by_the_next_run(
    folder: Path, client: Client, what: str, *, reach: bool
) -> None:
    with embedded(folder / "data", Waits()) as service:
        with (
            line(service.url, losing(what, reach=reach)) as way,
            pytest.raises(UnreachableError),
        ):
            client.submit(way.url, client.order())
        assert len(service.jobs()) == (reach and what == "jobs")
        job = client.submit(service.url, client.order())
        assert [each["id"] for each in service.jobs()] == [job]
        assert len(service.files()) == 1
        if what == "jobs":
            text = f"an earlier try created {job}" if reach else "an earlier try got no response"
            assert any(told.startswith(text) for told in client.told)


def test_a_file_whose_upload_got_no_response_is_found_on_the_service(folder: Path, client: Client) -> None:
    lost = [True]

    def carry(passing: Passing) -> bytes | None:
        answer = passing.ask()
        return None if passing.head.startswith(b"POST /api/learning/files ") and lost.pop() else answer

    with embedded(folder / "data", Waits()) as service, line(service.url, carry) as way:
        client.submit(way.url, client.order())
        digest = data_file(folder / "rows.jsonl").digest.removeprefix("sha256:")
        looked = f"GET /api/learning/files?sha256={digest}&limit=100"
        assert asked(way) == [UPLOAD[0], looked, UPLOAD[1], *CREATE]


def test_a_job_that_was_not_started_is_started_by_the_next_run(folder: Path, client: Client) -> None:
    with embedded(folder / "data", waits := Waits()) as service:

        def carry(passing: Passing) -> bytes | None:
            return None if b"/start HTTP" in passing.head else passing.ask()

        with line(service.url, carry) as way, pytest.raises(UnreachableError):
            client.submit(way.url, client.order())
        assert [job["status"] for job in service.jobs()] == ["created"]
        client.submit(service.url, client.order())
        waits.done = True
        eventually(lambda: [job["status"] for job in service.jobs()] == ["succeeded"])


def test_a_lost_journal_does_not_create_a_second_job_or_file(folder: Path, client: Client) -> None:
    with embedded(folder / "data", Waits()) as service:
        job = client.submit(service.url, client.order())
        assert Client(folder, "elsewhere").submit(service.url, client.order()) == job
        assert len(service.jobs()) == len(service.files()) == 1


@pytest.mark.parametrize("end", ["failed", "cancelled"])
def test_a_job_that_did_not_succeed_is_replaced_under_another_key(
    folder: Path, client: Client, end: str
) -> None:
    with embedded(folder / "data", Fails() if end == "failed" else Waits()) as service:
        jobs = []
        for _ in range(3):
            jobs.append(client.submit(service.url, client.order()))
            if end == "cancelled":
                key = {"Authorization": f"Bearer {KEY}"}
                httpx.post(f"{service.url}/learning/jobs/{jobs[-1]}/cancel", json={}, headers=key)
            eventually(lambda: service.jobs()[-1]["status"] == end)
        assert [job["id"] for job in service.jobs()] == jobs
        assert len({job["idempotency_key"] for job in service.jobs()}) == 3
        assert len(service.files()) == 1
    replaced = [told for told in client.told if "creating a new job" in told]
    assert replaced == [f"{job} ended as {end}: creating a new job" for job in jobs[:2]]


def test_a_refused_validation_file_is_a_warning(folder: Path, client: Client) -> None:
    with embedded(folder / "data", Waits()) as service:
        client.submit(service.url, client.order(validation="broken.jsonl"))
        [job] = service.jobs()
    assert "validation_files" not in job["payload"]
    [warning] = [told for told in client.told if told.startswith("warning: ")]
    assert "continuing without the validation file: the service refused" in warning
    assert "line 11" in warning


def test_a_refused_training_file_is_an_error(folder: Path, client: Client) -> None:
    with embedded(folder / "data", Waits()) as service, line(service.url) as way:
        for _ in range(2):
            with pytest.raises(RefusedError, match="line 11"):
                client.submit(way.url, client.order("broken.jsonl", "rows.jsonl"))
        assert asked(way) == UPLOAD * 2
        assert service.jobs() == []
        assert len(service.files()) == 1


def test_a_refused_job_can_be_corrected(folder: Path, client: Client) -> None:
    wrong = {
        **PAYLOAD,
        "metadata": {"effective_config": {"compute": {}, "data": {"topology": {}}, "training": {}}},
    }
    with embedded(folder / "data", Waits()) as service:
        for _ in range(2):
            with pytest.raises(RefusedError) as refused:
                client.submit(service.url, client.order(payload=wrong, key="mine"))
            assert (refused.value.status, refused.value.code) == (400, "missing_gpu_type")
        client.submit(service.url, client.order(key="mine"))
        assert [job["idempotency_key"] for job in service.jobs()] == ["mine"]


PROVENANCE = {"files": [], "findings": [], "origins": {}, "git_revision": "0123456789" * 4}


def test_where_a_job_comes_from_is_said_before_it_is_started_and_is_no_part_of_the_order(
    folder: Path, client: Client
) -> None:
    described = client.order()._replace(provenance=PROVENANCE)
    with embedded(folder / "data", Waits()) as service, line(service.url) as way:
        job = client.submit(way.url, described)
        assert asked(way)[-3:] == [CREATE[0], "PUT /api/learning/jobs/ID/provenance", CREATE[1]]
        [kept] = service.rows("SELECT * FROM provenance")
        assert (kept["job"], json.loads(kept["content"])) == (job, PROVENANCE)
        other = {**PROVENANCE, "git_revision": "9" * 40}
        for again in (client.order(), described._replace(provenance=other)):
            assert client.submit(way.url, again) == job
        assert service.rows("SELECT * FROM provenance") == [kept]


def test_a_refused_provenance_does_not_stop_the_job(folder: Path, client: Client) -> None:
    order = client.order()._replace(provenance={**PROVENANCE, "files": None})
    with embedded(folder / "data", Waits()) as service:
        job = client.submit(service.url, order)
        assert [each["status"] != "created" for each in service.jobs()] == [True]
    [said] = [each for each in client.told if "warning" in each]
    assert said.startswith(f"warning: the service does not keep the config of {job}: ")
    assert "invalid_provenance" in said
