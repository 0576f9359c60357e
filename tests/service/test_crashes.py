"""`kill -9` of `sftc serve` at random moments: no confirmed change is lost or doubled, no job hangs.

Ten kills by default, fifty with the environment variable SOAK=1. SEED=N selects other moments.
"""

import os
import sqlite3
import tempfile
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, suppress
from hashlib import sha256
from itertools import groupby
from pathlib import Path
from random import Random
from threading import Event
from typing import Any

import httpx
import pytest

from support.raw_requests import AUTHORIZED, FORM, UPLOAD, answered, connected, head, status
from support.services import END, FINAL, PURPOSE, Client, begun, good, part, payload, process, rows
from support.waiting import eventually

MOMENTS = 50 if os.environ.get("SOAK") else 10
SEED = os.environ.get("SEED", "")


class Ledger:
    """The requests of a client and the responses. `at_hand` lists what the next check covers."""

    def __init__(self, chance: Random) -> None:
        self.chance = chance
        self.contents: list[bytes] = []
        self.files: dict[str, str] = {}
        self.asked: dict[str, dict[str, Any]] = {}
        self.jobs: dict[str, dict[str, Any]] = {}
        self.started: set[str] = set()
        self.at_hand: tuple[set[str], set[str]] = (set(), set())
        self.answers = 0

    def upload(self, client: Client) -> None:
        """Upload new contents, or contents that were uploaded before."""
        if not self.contents or self.chance.random() < 0.7:
            count = self.chance.choice([1, 30, 3000])
            self.contents.append(rows(len(self.contents), 1) + rows(10**6, count))
        self.keep_file(client, self.chance.choice(self.contents))

    def keep_file(self, client: Client, data: bytes) -> None:
        file = client.upload(data)
        digest = sha256(data).hexdigest()
        assert file["sha256"] == digest
        assert self.files.setdefault(digest, file["id"]) == file["id"]
        self.at_hand[0].add(digest)

    def create(self, client: Client) -> None:
        """Create a new job."""
        key = f"key-{len(self.asked)}"
        self.asked[key] = payload(self.files[sha256(FIRST).hexdigest()], number=len(self.asked))
        self.keep_job(client, key)

    def again(self, client: Client) -> None:
        """Repeat an earlier request to create a job, whether or not it got a response."""
        if self.asked:
            self.keep_job(client, self.chance.choice([*self.asked]))

    def keep_job(self, client: Client, key: str) -> None:
        job = good(client.create(self.asked[key], key))
        assert same(self.jobs.setdefault(key, job), job)
        self.at_hand[1].add(key)

    def start(self, client: Client) -> None:
        """Start one of the jobs."""
        if self.jobs:
            key = self.chance.choice([*self.jobs])
            job = good(client.post(f"/jobs/{self.jobs[key]['id']}/start", json={}))
            assert job["status"] != "created"
            self.started.add(key)
            self.at_hand[1].add(key)

    def hold(self, client: Client, folder: Path) -> None:
        """Assert that everything confirmed since the last check exists."""
        digests, keys = self.at_hand
        self.at_hand = (set(), set())
        for digest in digests:
            file = good(client.get(f"/files/{self.files[digest]}"))
            assert (file["sha256"], file["status"] != "failed") == (digest, True)
            assert sha256((folder / "files" / digest).read_bytes()).hexdigest() == digest
        for key in keys:
            job = client.job(self.jobs[key]["id"])
            assert same(job, self.jobs[key])
            assert key not in self.started or job["status"] != "created"


FIRST = rows(0)


def same(one: dict[str, Any], other: dict[str, Any]) -> bool:
    names = ("id", "payload_digest", "idempotency_key", "created_at")
    return [one[name] for name in names] == [other[name] for name in names]


def busy(client: Client, ledger: Ledger) -> None:
    """Send requests until the service is killed."""
    ways: list[Callable[[Client], None]] = [ledger.upload, ledger.create, ledger.start, ledger.again]
    with suppress(httpx.TransportError):
        while True:
            ledger.chance.choices(ways, [1, 12, 12, 4])[0](client)
            ledger.answers += 1


def reached(ledger: Ledger, work: Future[None], answers: int) -> None:
    """Wait for `answers` more responses."""
    before = ledger.answers
    eventually(lambda: ledger.answers >= before + answers or work.done())


def intact(folder: Path) -> None:
    with closing(database(folder)) as known:
        assert known.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    assert [*(folder / "incoming").iterdir()] == []


def database(folder: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"file:{folder / 'service.db'}?mode=ro", uri=True)


@pytest.mark.slow
def test_confirmed_changes_survive_every_crash(tmp_path: Path) -> None:
    chance = Random(f"crashes {SEED}")  # noqa: S311  reproducible moments
    ledger = Ledger(Random(f"client {SEED}"))  # noqa: S311  as above
    with process(tmp_path) as service, Client(service.url) as client:
        client.ready(FIRST)
        ledger.contents.append(FIRST)
        ledger.keep_file(client, FIRST)
    for moment in range(MOMENTS):
        with process(tmp_path) as service, Client(service.url) as client, ThreadPoolExecutor() as pool:
            intact(tmp_path)
            ledger.hold(client, tmp_path)
            work = pool.submit(busy, client, ledger)
            reached(ledger, work, chance.randrange(50))
            Event().wait(
                chance.uniform(0, 0.02)
            )  # the moment of the kill, from the seed; not a wait for something
            service.kill()
            work.result(60)
        if moment % 3 == 0:
            with tempfile.TemporaryFile() as log, begun(tmp_path, log) as starting:
                Event().wait(chance.uniform(0, 1))  # as above, during a start
                starting.kill()
    with process(tmp_path) as service, Client(service.url) as client:
        intact(tmp_path)
        ledger.at_hand = ({*ledger.files}, {*ledger.jobs})
        ledger.hold(client, tmp_path)
        for data in ledger.contents:
            ledger.keep_file(client, data)
        for key in ledger.asked:
            ledger.keep_job(client, key)
        ended(client, ledger)
        nothing_doubled(tmp_path, ledger)
    assert len(ledger.asked) > MOMENTS
    assert len(ledger.started) > MOMENTS
    assert len(ledger.contents) > 1


def ended(client: Client, ledger: Ledger) -> None:
    """Assert that every started job ends and every file is checked."""
    for key in ledger.started:
        assert client.once(ledger.jobs[key]["id"])["status"] == "failed"
    eventually(lambda: {each["status"] for each in client.listed("/jobs", limit=1000)} <= FINAL | {"created"})
    for id in ledger.files.values():
        assert client.checked(id)["status"] == "ready"


def nothing_doubled(folder: Path, ledger: Ledger) -> None:
    digests = {sha256(data).hexdigest() for data in ledger.contents}
    assert {path.name for path in (folder / "files").iterdir()} == digests
    with closing(database(folder)) as known:
        files = dict(known.execute("SELECT id, digest FROM files"))
        assert files == {id: digest for digest, id in ledger.files.items()}
        assert sorted(files.values()) == sorted(digests)
        jobs = dict(known.execute("SELECT idempotency_key, id FROM jobs"))
        assert known.execute("SELECT COUNT(*) FROM jobs").fetchone() == (len(ledger.asked),)
        assert jobs == {key: job["id"] for key, job in ledger.jobs.items()}
        for id in jobs.values():
            events = [*known.execute("SELECT seq, message FROM events WHERE job = ? ORDER BY seq", (id,))]
            assert [seq for seq, _ in events] == [*range(1, len(events) + 1)]
            told = [message for _, message in events if message != "the service was stopped"]
            phases = [phase for phase, _ in groupby(told)]
            assert phases in (["created"], ["created", "queued", "running", events[-1][1]])


def test_an_upload_interrupted_by_a_crash_leaves_nothing(tmp_path: Path) -> None:
    data = rows(1, count=1000)
    body = part(b"file", data, b"f") + PURPOSE + END
    length = b"Content-Length: %d" % len(body)
    with process(tmp_path) as service, Client(service.url) as client, connected(client) as link:
        link.sendall((head(UPLOAD, AUTHORIZED, FORM, length) + body)[:-20])
        eventually(lambda: [*(tmp_path / "incoming").iterdir()])
        service.kill()
    with process(tmp_path) as service, Client(service.url) as client:
        intact(tmp_path)
        assert [*(tmp_path / "files").iterdir()] == []
        assert client.ready(data)


def test_a_check_interrupted_by_a_crash_runs_again(tmp_path: Path) -> None:
    with process(tmp_path) as service, Client(service.url) as client:
        files = [client.upload(rows(number, count=50_000))["id"] for number in range(2)]
        service.kill()
    with process(tmp_path) as service, Client(service.url) as client:
        assert [client.checked(id)["rows"] for id in files] == [50_000] * 2


def test_a_second_service_on_the_same_folder_is_refused(tmp_path: Path) -> None:
    body = part(b"file", rows(1), b"f") + PURPOSE + END
    length = b"Content-Length: %d" % len(body)
    with process(tmp_path) as service, Client(service.url) as client, connected(client) as link:
        link.sendall((head(UPLOAD, AUTHORIZED, FORM, length) + body)[:-20])
        eventually(lambda: [*(tmp_path / "incoming").iterdir()])
        with tempfile.TemporaryFile() as log, begun(tmp_path, log) as second:
            assert second.wait(60) not in {0, 70}
            log.seek(0)
            assert str(tmp_path) in log.read().decode()
        link.sendall(body[-20:])
        assert status(answered(link)) == 200
