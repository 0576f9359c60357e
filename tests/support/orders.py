"""A client that submits orders, and a service that implements little of the contract."""

import json
from pathlib import Path
from typing import Any

from sftc.payload.encoding import digest
from sftc.submission.client import Patience, ServiceClient
from sftc.submission.endpoint import ApiKey, Backend
from sftc.submission.journal import Journal
from sftc.submission.submit import Order, Submission
from sftc.submission.upload import Readiness
from support.backends import PAYLOAD, Answer, Asked, data_file
from support.environment import KEY

OTHER = {**PAYLOAD, "model": "another"}
LOST = Answer(cut=0)
SOON = Readiness(interval=0.05)


class Hosted:
    """A service that creates a job for each request and ignores the idempotency key.

    The first `lost` responses to a new job are lost, and the first `deaf` requests never arrive.
    """

    def __init__(self, *, lost: int = 0, deaf: int = 0, lists: bool = True) -> None:
        self.lost = lost
        self.deaf = deaf
        self.lists = lists
        self.names = ("job_id", "status")
        self.jobs: dict[str, dict[str, Any]] = {}
        self.started: list[str] = []

    def __call__(self, asked: Asked) -> Answer:
        what, _, rest = asked.path.partition("?")[0].removeprefix("/api/learning/").partition("/")
        if what == "files":
            return Answer({"id": "file-1", "status": "ready"})
        if rest.endswith("/start"):
            self.started.append(rest.partition("/")[0])
            return Answer(self.jobs[self.started[-1]])
        if rest:
            return Answer(self.jobs[rest]) if rest in self.jobs else Answer({}, 404)
        if asked.method == "POST":
            return self._make(json.loads(asked.body))
        return Answer(
            {"jobs": [*reversed(self.jobs.values())]} if self.lists else {}, 200 if self.lists else 404
        )

    def _make(self, payload: dict[str, Any]) -> Answer:
        if self.deaf:
            self.deaf -= 1
            return LOST
        name, status = self.names
        job = f"job-{len(self.jobs) + 1}"
        self.jobs[job] = {name: job, status: "created", "payload_digest": digest(payload)}
        self.lost -= 1
        return LOST if self.lost >= 0 else Answer(self.jobs[job], 201)


class Client:
    """A client that submits orders, with a journal on disk."""

    def __init__(self, folder: Path, journal: str = "journal") -> None:
        self.told: list[str] = []
        self._folder = folder
        self._journal = journal

    def order(
        self,
        training: str = "rows.jsonl",
        validation: str | None = None,
        payload: dict[str, Any] = PAYLOAD,
        key: str | None = None,
    ) -> Order:
        second = data_file(self._folder / validation) if validation else None
        return Order(payload, data_file(self._folder / training), second, key)

    def submit(self, url: str, order: Order, tries: int = 3) -> str:
        with (
            Journal("the service", self._folder / self._journal) as journal,
            ServiceClient(Backend(url, ApiKey(KEY)), self.told.append, Patience(tries, 0.001)) as service,
        ):
            return Submission(service, journal, self.told.append, readiness=SOON).submit(order)
