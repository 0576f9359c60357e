"""All of `sftc train` through a proxy that cuts, delays, doubles and damages requests and responses.

Six runs by default, two hundred with the environment variable SOAK=1. SEED=N starts at seed N.
"""

import json
import os
import random
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sftc.submission.client import Patience, ServiceClient
from sftc.submission.endpoint import ApiKey, Backend
from sftc.submission.failures import SubmissionError
from sftc.submission.follow import Pace, follow_job
from sftc.submission.journal import Journal
from sftc.submission.submit import Order, Submission
from sftc.submission.upload import Readiness
from support.backends import PAYLOAD, closing_database, data_file, embedded
from support.environment import KEY
from support.lossy_proxy import Passing, line
from support.training_files import GOOD, row

SEED = int(os.environ.get("SEED", "0"))
SEEDS = range(SEED, SEED + 200) if os.environ.get("SOAK") else (5, 16, 36, 40, 48, 58)
"""Six seeds that together apply nearly every fault to every request, or 200 from `SEED`."""

SHARES = {b"POST": 0.6, b"GET /api/learning/files": 0.05, b"GET": 0.2}
"""The share of requests with a fault, by the start of the request."""


FILES = {"rows.jsonl": GOOD, "validation.jsonl": row(11)}


class Faults:
    """Applies random faults to requests while `on` is true."""

    def __init__(self, seed: int) -> None:
        self.on = True
        self.happened: list[str] = []
        self._chance = random.Random(seed)  # noqa: S311  not a secret
        self._kinds: list[Callable[[Passing], bytes | None]] = [
            self.cut_at_once,
            self.cut_inside_the_request,
            self.cut_before_the_answer,
            self.cut_inside_the_answer,
            self.delay,
            self.double,
            self.damage_the_request,
            self.damage_the_answer,
        ]

    def __call__(self, passing: Passing) -> bytes | None:
        share = next(share for start, share in SHARES.items() if passing.head.startswith(start))
        if not self.on or self._chance.random() > share:
            return passing.ask()
        kind = self._chance.choice(self._kinds)
        self.happened.append(f"{kind.__name__}: {passing.head.partition(b' HTTP')[0].decode()}")
        return kind(passing)

    def cut_at_once(self, passing: Passing) -> None:
        """End the connection before the body is read."""

    def cut_inside_the_request(self, passing: Passing) -> None:
        passing.send(self._part(passing.whole()))

    def cut_before_the_answer(self, passing: Passing) -> None:
        passing.ask()

    def cut_inside_the_answer(self, passing: Passing) -> bytes:
        return self._part(passing.ask())

    def delay(self, passing: Passing) -> bytes:
        time.sleep(self._chance.uniform(0, 0.05))
        answer = passing.ask()
        time.sleep(self._chance.uniform(0, 0.05))
        return answer

    def double(self, passing: Passing) -> bytes:
        passing.whole()
        copy = threading.Thread(target=passing.ask)
        copy.start()
        answer = passing.ask()
        copy.join()
        return answer

    def damage_the_request(self, passing: Passing) -> bytes:
        """Damage the first line or the end: other damage would result in a different valid request."""
        request = passing.whole()
        places = [*range(request.index(b"\r\n")), *range(len(request) - 2, len(request))]
        return passing.ask(self._damaged(request, self._chance.choice(places)))

    def damage_the_answer(self, passing: Passing) -> bytes:
        answer = passing.ask()
        return self._damaged(answer, self._chance.randrange(len(answer))) if answer else answer

    def _part(self, message: bytes) -> bytes:
        return message[: self._chance.randrange(len(message) + 1)]

    def _damaged(self, message: bytes, at: int) -> bytes:
        return message[:at] + bytes([message[at] ^ self._chance.randrange(1, 256)]) + message[at + 1 :]


class Nobody:
    """A watcher that ignores everything."""

    def status(self, status: str) -> None: ...

    def event(self, event: dict[str, Any]) -> None: ...

    def point(self, point: dict[str, Any]) -> None: ...

    def note(self, text: str) -> None: ...


def train(url: str, order: Order, folder: Path, timeout: float) -> tuple[str, dict[str, Any]]:
    told: list[str] = []
    with (
        Journal("the service", folder / "journal") as journal,
        ServiceClient(Backend(url, ApiKey(KEY)), told.append, Patience(tries=4, pause=0.01)) as service,
    ):
        job = Submission(service, journal, told.append, readiness=Readiness(0.05, timeout)).submit(order)
        return job, follow_job(job, service, Nobody(), Pace(0.02, 60))


@pytest.mark.parametrize("seed", SEEDS)
def test_network_errors_never_lead_to_two_jobs(seed: int, folder: Path) -> None:
    order = Order(
        PAYLOAD,
        data_file(folder / "rows.jsonl"),
        data_file(folder / "validation.jsonl") if seed % 4 == 0 else None,
    )
    faults = Faults(seed)
    with embedded(folder / "data") as service, line(service.url, faults) as way:
        try:
            job, body = train(way.url, order, folder, 3)
        except SubmissionError:
            job, body = "", {"status": "succeeded"}
        faults.on = False
        again, healed = train(way.url, order, folder, 60)
        note = "\n".join(faults.happened)
        assert job in {"", again}, note
        assert body["status"] == healed["status"] == "succeeded", note
        [made] = service.jobs()
        assert made["id"] == again, note
        expected = {file.digest for file in (order.training, order.validation) if file}
        digests = service.files()
        assert order.training.digest in digests, note
        assert len(digests) == len(set(digests)), note
        assert set(digests) <= expected, note
        rows = {each["id"]: each["digest"] for each in service.rows("SELECT * FROM files")}
        assert f"sha256:{rows[json.loads(made['payload'])['training_file_id']]}" == order.training.digest, (
            note
        )
    journals = [*(folder / "journal").glob("*.db")]
    assert journals
    for journal in journals:
        with closing_database(journal) as db:
            assert [row["job"] for row in db.execute("SELECT job FROM orders")] == [again], note
