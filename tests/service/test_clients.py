"""Concurrent clients, slow clients, and bodies that are incomplete or have a wrong length."""

import json
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from hashlib import sha256
from pathlib import Path
from threading import Barrier

import httpx
import pytest

from sftc.service.limits import ServiceLimits
from sftc.service.server import MAX_HEAD
from support.raw_requests import AUTHORIZED, FORM, UPLOAD, answered, connected, exchange, head, status
from support.services import (
    END,
    MULTIPART,
    PURPOSE,
    Client,
    good,
    nothing_left,
    part,
    payload,
    process,
    refusal,
    rows,
    thread,
)
from support.waiting import eventually

BODY = part(b"file", rows(1), b"train.jsonl") + PURPOSE + END


@pytest.mark.parametrize(
    ("length", "expected"),
    [
        (b"%d" % (64 << 30 | 1), 413),
        (b"9" * 30, 400),
        (b"-1", 400),
        (b"1e3", 400),
        (b"%d" % (len(BODY) - 10), 400),
        (b"5\r\nContent-Length: 6", 400),
        (b"0", 400),
    ],
)
def test_a_wrong_content_length_is_refused(
    service: Client, folder: Path, length: bytes, expected: int
) -> None:
    head_ = head(UPLOAD, AUTHORIZED, FORM, b"Content-Length: " + length)
    answer = exchange(service, head_ + BODY)
    assert answer.startswith(b"HTTP/1.1 %d " % expected)
    eventually(lambda: nothing_left(folder))


def test_a_body_without_a_length_is_accepted_up_to_the_limit(service: Client) -> None:
    data = rows(60, count=2000)
    body = part(b"file", data, b"f") + PURPOSE + END
    pieces = (body[place : place + 777] for place in range(0, len(body), 777))
    file = good(service.post("/files", content=pieces, headers=MULTIPART))
    assert file["sha256"] == sha256(data).hexdigest()
    endless = (b" " * (1 << 16) for _ in range(17))
    try:
        refusal(service.post("/jobs", content=endless), 413, "too_large")
    except httpx.WriteError:  # refused before the whole body was sent
        assert good(service.get("/jobs", params={"limit": "1"}))


def test_an_interrupted_upload_leaves_nothing(service: Client, folder: Path) -> None:
    data = rows(61, count=20_000)
    body = part(b"file", data, b"f") + PURPOSE + END
    whole = head(UPLOAD, AUTHORIZED, FORM, b"Content-Length: %d" % len(body)) + body
    chunked = head(UPLOAD, AUTHORIZED, FORM, b"Transfer-Encoding: chunked")
    chunked += b"%x\r\n%s\r\n" % (len(body), body)
    starts = [whole[:-1], whole[:-40], whole[: len(whole) // 2], whole[:400], chunked, chunked[:-100]]
    for start in starts:
        with connected(service) as link:
            link.sendall(start)
            eventually(lambda: not nothing_left(folder))
        eventually(lambda: nothing_left(folder))
    digest = sha256(data).hexdigest()
    assert not (folder / "files" / digest).exists()
    assert service.upload(data)["status"] == "processing"


JOB = b"POST /api/learning/jobs"


def test_an_interrupted_request_creates_no_job(service: Client) -> None:
    body = json.dumps(payload(service.ready(rows(63)), a="cut off")).encode()
    before = len(service.listed("/jobs"))
    for start in (b"", body[:-1], body):
        with connected(service) as link:
            link.sendall(head(JOB, AUTHORIZED, b"Content-Length: %d" % (len(body) + 1)) + start)
    assert len(service.listed("/jobs")) == before


def test_the_size_of_a_request_head_is_limited(service: Client) -> None:
    start = JOB + b" HTTP/1.1\r\nHost: " + b"x" * MAX_HEAD
    with connected(service) as link:
        link.sendall(start)
        assert status(answered(link)) == 400
    with connected(service) as link:
        link.sendall(b"GET /" + b"x" * MAX_HEAD)
        assert status(answered(link)) == 400
    large = part(b"file", rows(64, count=4000), b"f") + PURPOSE + END
    assert len(large) > 4 * MAX_HEAD
    sent = head(UPLOAD, AUTHORIZED, FORM, b"Content-Length: %d" % len(large)) + large
    assert status(exchange(service, sent)) == 200


def test_slow_clients_are_disconnected_while_others_are_served(tmp_path: Path) -> None:
    start = head(UPLOAD, AUTHORIZED, FORM, b"Content-Length: 1000")
    job = head(JOB, AUTHORIZED, b"Content-Length: 1000")
    begun = (b"", start[:20], start, start + BODY[:30], start + BODY[:90], job, job + b"{")
    with thread(tmp_path, limits=ServiceLimits(patience=1.0)) as client, ExitStack() as links:
        slow = [links.enter_context(connected(client)) for _ in range(64)]
        for number, link in enumerate(slow):
            link.sendall(begun[number % len(begun)])
        file = client.ready(rows(62))
        assert client.once(client.started(file))["status"] == "failed"
        for number, link in enumerate(slow):
            answer = answered(link)
            if number % len(begun) < 2:  # there is no request to respond to
                assert answer == b""
            else:
                assert status(answer) == 408
                assert b'"too_slow"' in answer
        assert nothing_left(tmp_path)
        assert len([*(tmp_path / "files").iterdir()]) == 1


def test_64_concurrent_clients_get_correct_responses(tmp_path: Path) -> None:
    contents = [rows(100 + number) for number in range(8)]
    together = Barrier(64)

    def use(url: str, number: int) -> tuple[str, str, httpx.Response]:
        with Client(url) as client:  # one per thread: shared clients close the connections of other threads
            together.wait(60)
            file = client.ready(contents[number % 8])
            job = good(client.create(payload(file, number=number), f"client-{number}"))
            shared = client.create(payload(file, number="shared"), f"content-{number % 8}")
            assert good(client.create(payload(file, number=number), f"client-{number}")) == job
            good(client.post(f"/jobs/{job['id']}/start", json={}))
            if number % 4 == 0:
                good(client.post(f"/jobs/{job['id']}/cancel"))
            ended = client.once(job["id"])
            assert ended["payload_digest"] == job["payload_digest"]
            phases = [each["phase"] for each in client.listed(f"/jobs/{job['id']}/timeline")]
            ways = (["running", "failed"], ["cancelled"], ["running", "cancelled"])
            assert phases in [["created", "queued", *way] for way in ways]
            return file, job["id"], shared

    with process(tmp_path) as running, Client(running.url) as client, ThreadPoolExecutor(64) as pool:
        done = [*pool.map(use, [running.url] * 64, range(64))]
        assert len({file for file, _, _ in done}) == len([*(tmp_path / "files").iterdir()]) == 8
        assert len({job for _, job, _ in done}) == 64
        assert sorted(shared.status_code for _, _, shared in done) == [200] * 56 + [201] * 8
        assert len({shared.json()["id"] for _, _, shared in done}) == 8
        assert len(client.listed("/jobs", limit=1000)) == 72
