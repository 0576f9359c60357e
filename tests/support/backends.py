"""Services for the tests of submission: the embedded service, and scripted odd services."""

import asyncio
import json
import socket
import socketserver
import sqlite3
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from email.message import Message
from hashlib import sha256
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, urlsplit

import uvicorn

from sftc.service.app import EmbeddedService
from sftc.service.executor import Executor, FailedError, Report, Task
from sftc.submission.upload import DataFile
from support.environment import KEY
from support.waiting import eventually

PAYLOAD: dict[str, Any] = {
    "hyperparameters": {"n_epochs": 1},
    "metadata": {
        "effective_config": {"compute": {"gpu_type": "H100"}, "data": {"topology": {}}, "training": {}}
    },
    "model": "m",
    "training_file_id": None,
    "training_type": "sft_offline",
}


@contextmanager
def nothing_listens() -> Iterator[str]:
    """Return the URL of a service that does not run, on a port that no other test can get."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{taken.getsockname()[1]}/api"


def data_file(path: Path) -> DataFile:
    """Return a data file as the check returns it."""
    data = path.read_bytes()
    digest = f"sha256:{sha256(data).hexdigest()}"
    return DataFile(str(path), path.name, digest, len(data), data.count(b"\n"))


class Succeeds:
    """An executor that succeeds immediately, with an event and metrics."""

    async def run(self, task: Task, report: Report) -> str:
        report.event("note", "half of it is done")
        for step in (1, 2, 3):
            report.metric("train.loss", step, 3.0 / step)
        return "ft-m"


class Fails:
    """An executor that fails every job."""

    async def run(self, task: Task, report: Report) -> str:
        raise FailedError("out of luck")


class Waits:
    """An executor that waits until `done` is set."""

    def __init__(self) -> None:
        self.done = False

    async def run(self, task: Task, report: Report) -> str:
        while not self.done:  # noqa: ASYNC110  set from another thread
            await asyncio.sleep(0.01)
        return "ft-m"


class Embedded(NamedTuple):
    """The embedded service, at `url`, with its data in `folder`."""

    url: str
    folder: Path

    def rows(self, query: str) -> list[dict[str, Any]]:
        """Return the rows of a query of the service's database."""
        with closing_database(self.folder / "service.db") as db:
            return [dict(row) for row in db.execute(query)]

    def jobs(self) -> list[dict[str, Any]]:
        """Return the jobs, oldest first."""
        return self.rows("SELECT * FROM jobs ORDER BY number")

    def files(self) -> list[str]:
        """Return the digests of all files. The database and the folder must agree."""
        known = sorted(row["digest"] for row in self.rows("SELECT digest FROM files"))
        assert sorted(path.name for path in (self.folder / "files").iterdir()) == known
        return [f"sha256:{digest}" for digest in known]


@contextmanager
def closing_database(path: Path) -> Iterator[sqlite3.Connection]:
    """Open a database, check its integrity, and close it at the end."""
    db = sqlite3.connect(path, timeout=30)
    try:
        db.row_factory = sqlite3.Row
        assert [*map(tuple, db.execute("PRAGMA integrity_check"))] == [("ok",)]
        yield db
    finally:
        db.close()


@contextmanager
def embedded(folder: Path, executor: Executor | None = None) -> Iterator[Embedded]:
    """Serve in a thread of this process."""
    app = EmbeddedService(folder, KEY, executor or Succeeds()).app()
    config = uvicorn.Config(app, log_level="error", access_log=False, timeout_graceful_shutdown=3)
    server = uvicorn.Server(config)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            eventually(lambda: server.started)
            yield Embedded(f"http://127.0.0.1:{listener.getsockname()[1]}/api", folder)
        finally:
            server.should_exit = True
            thread.join()


class Asked(NamedTuple):
    """A request. Only the start of a long body is kept."""

    method: str
    path: str
    headers: Message
    body: bytes
    size: int

    @property
    def query(self) -> dict[str, str]:
        """The query parameters."""
        return dict(parse_qsl(urlsplit(self.path).query))


class Answer(NamedTuple):
    """A response. A body that is not bytes is sent as JSON. `cut` truncates it and ends the connection."""

    body: Any = b""
    status: int = 200
    headers: Mapping[str, str] = {}
    cut: int | None = None


class Threads(socketserver.ThreadingTCPServer):
    """A server on a free port with a thread for each connection."""

    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Print nothing: clients that disconnect are part of the tests."""

    @property
    def port(self) -> int:
        """The port."""
        return int(self.server_address[1])

    @contextmanager
    def running(self) -> Iterator[None]:
        """Serve in a thread."""
        thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield
        finally:
            self.shutdown()
            thread.join()
            self.server_close()


class OddService(Threads):
    """A service that responds by a script and records the requests."""

    def __init__(self, script: Callable[[Asked], Answer]) -> None:
        super().__init__(("127.0.0.1", 0), _Answers)
        self.script = script
        self.asked: list[Asked] = []
        self.root = f"http://127.0.0.1:{self.port}"
        self.url = f"{self.root}/api"


class _Answers(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: OddService

    def _answer(self) -> None:
        left = size = int(self.headers["content-length"] or 0)
        body = b""
        while left:
            piece = self.rfile.read(min(left, 1 << 16))
            body, left = (body + piece)[: 1 << 16], left - len(piece) if piece else 0
        asked = Asked(self.command, self.path, self.headers, body, size)
        self.server.asked.append(asked)
        answer = self.server.script(asked)
        data = answer.body if isinstance(answer.body, bytes) else json.dumps(answer.body).encode()
        head = f"HTTP/1.1 {answer.status} Status\r\nContent-Length: {len(data)}\r\n"
        head += "".join(f"{name}: {value}\r\n" for name, value in answer.headers.items())
        self.wfile.write((head.encode() + b"\r\n" + data)[: answer.cut])
        self.close_connection = answer.cut is not None

    do_GET = do_POST = do_PUT = _answer  # noqa: N815  http.server calls these names

    def log_message(self, format: str, *args: Any) -> None:
        """Log nothing."""


@contextmanager
def odd_service(script: Callable[[Asked], Answer] | Sequence[Answer]) -> Iterator[OddService]:
    """Serve by a script. Each response of a list is used once, and the last one repeatedly."""
    if not callable(script):
        left = list(script)
        with odd_service(lambda _: left.pop(0) if len(left) > 1 else left[0]) as service:
            yield service
        return
    service = OddService(script)
    with service.running():
        yield service
