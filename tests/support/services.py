"""The embedded service for tests: in a process or a thread, with a client and an executor.

The program `STEPS FOLDER` serves with the executor `Steps`, and `IDLE FOLDER` without an executor.
"""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

import httpx
import uvicorn

from sftc.service.app import EmbeddedService
from sftc.service.executor import Executor, FailedError, Missing, Report, Task
from sftc.service.limits import DEFAULT_LIMITS, ServiceLimits
from sftc.service.server import serve, server_config
from support.training_files import row
from support.waiting import eventually

TOKEN = "a-token-of-the-tests"  # noqa: S105  only for services of the tests
FINAL = {"succeeded", "failed", "cancelled"}
LISTENING = "Listening on "


def rows(number: int, count: int = 3) -> bytes:
    """Return a training file that is different for each `number`."""
    return "".join(row(number * 1000 + each) for each in range(count)).encode()


def payload(training_file: str | None, **topology: Any) -> dict[str, Any]:
    """Return a payload. `topology` controls the executor `Steps`."""
    data = {"topology": topology}
    config = {"compute": {"gpu_type": "H100", "gpu_count": 1}, "data": data, "training": {"mode": "lora"}}
    return {
        "model": "Qwen/Qwen3-4B",
        "training_type": "sft_offline",
        "training_file_id": training_file,
        "hyperparameters": {"n_epochs": 1},
        "metadata": {"effective_config": config},
    }


def refusal(answer: httpx.Response, status: int, code: str) -> str:
    """Assert that a response is an error with this status and code, and return its message."""
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/json"), answer.text
    assert [*answer.json()] == ["error"]
    error = answer.json()["error"]
    assert set(error) == {"code", "message", "request_id"}
    assert error["code"] == code
    assert error["request_id"] == answer.headers["x-request-id"]
    message: str = error["message"]
    assert message
    return message


def part(name: bytes, data: bytes, filename: bytes | None = None) -> bytes:
    """Return a part of a multipart body, without escaping its names."""
    more = b"" if filename is None else b'; filename="%s"' % filename
    return b'--b\r\nContent-Disposition: form-data; name="%s"%s\r\n\r\n%s\r\n' % (name, more, data)


PURPOSE = part(b"purpose", b"fine-tune")
END = b"--b--\r\n"
MULTIPART = {"Content-Type": "multipart/form-data; boundary=b"}


def nothing_left(folder: Path) -> bool:
    """Return whether a service's data folder has no unfinished upload."""
    return not [*(folder / "incoming").iterdir()]


class Client(httpx.Client):
    """A client for the wire contract, with the token."""

    def __init__(self, url: str) -> None:
        super().__init__(
            base_url=f"{url}/api/learning",
            headers={"Authorization": f"Bearer {TOKEN}"},
            timeout=60,
            trust_env=False,
        )
        self.origin = httpx.URL(url)

    def upload(self, data: bytes, name: str = "train.jsonl") -> dict[str, Any]:
        """Upload a training file and return its body."""
        form: dict[str, Any] = {"files": {"file": (name, data, "application/jsonl")}}
        return good(self.post("/files", data={"purpose": "fine-tune"}, **form))

    def checked(self, id: str) -> dict[str, Any]:
        """Return the body of a file, once it is checked."""

        def look() -> dict[str, Any] | None:
            file = good(self.get(f"/files/{id}"))
            return None if file["status"] == "processing" else file

        return eventually(look)

    def ready(self, data: bytes) -> str:
        """Upload a training file and return its id, once it is ready."""
        file = self.checked(self.upload(data)["id"])
        assert file["status"] == "ready", file
        id: str = file["id"]
        return id

    def create(self, job: Any, key: str | None = None) -> httpx.Response:
        """Create a job, and return the response."""
        return self.post("/jobs", json=job, headers={} if key is None else {"Idempotency-Key": key})

    def started(self, training_file: str, **topology: Any) -> str:
        """Create a job, start it and return its id."""
        job = good(self.create(payload(training_file, **topology)))
        return str(good(self.post(f"/jobs/{job['id']}/start", json={}))["id"])

    def job(self, id: str) -> dict[str, Any]:
        """Return the body of a job."""
        return good(self.get(f"/jobs/{id}"))

    def once(self, id: str, *states: str) -> dict[str, Any]:
        """Wait until a job has one of these statuses (by default a final one), and return it."""

        def look() -> dict[str, Any] | None:
            job = self.job(id)
            return job if job["status"] in (states or FINAL) else None

        return eventually(look)

    def listed(self, path: str, **query: Any) -> list[dict[str, Any]]:
        """Return the list in a response."""
        [found] = good(self.get(path, params=query)).values()
        assert isinstance(found, list)
        return found


def form(client: Client, body: bytes, **headers: str) -> httpx.Response:
    """Send a raw multipart body."""
    return client.post("/files", content=body, headers=MULTIPART | headers)


def good(answer: httpx.Response) -> dict[str, Any]:
    """Return the body of a successful response."""
    assert answer.status_code in {200, 201}, answer.text
    assert answer.headers["x-request-id"].startswith("req-")
    body: dict[str, Any] = answer.json()
    return body


class Process:
    """A service in its own process."""

    def __init__(self, process: subprocess.Popen[str], url: str, log: IO[bytes]) -> None:
        self.url = url
        self._process = process
        self._log = log

    def kill(self) -> None:
        """Kill the service, as in a crash."""
        self._process.kill()
        self._process.wait()

    def interrupt(self) -> int:
        """Interrupt the service as with Ctrl-C, and return its exit code."""
        self._process.send_signal(signal.SIGINT)
        return self._process.wait(60)

    def log(self) -> str:
        """Return the stderr of the service."""
        self._log.seek(0)
        return self._log.read().decode()


BARE = "import sys; sys.modules['peft'] = None; from sftc.__main__ import main; main()"
SERVE = (sys.executable, "-P", "-c", BARE, "serve")
"""`sftc serve` without the training extra."""

_SERVE = (
    f"import sys; sys.path.append({str(Path(__file__).parents[1])!r});"
    "from support.services import serve_folder, Steps; serve_folder(sys.argv[1], {})"
)
STEPS = (sys.executable, "-P", "-c", _SERVE.format("Steps()"))
IDLE = (sys.executable, "-P", "-c", _SERVE.format(None))
"""A service that runs no jobs."""


def begun(
    folder: Path, log: IO[bytes], program: Sequence[str] = SERVE, cwd: Path | None = None
) -> subprocess.Popen[str]:
    """Start a service, and return its process without waiting until it listens."""
    options = ["--port", "0", "--data-dir", str(folder), "--token", TOKEN] if program == SERVE else [folder]
    return subprocess.Popen([*program, *options], stdout=subprocess.PIPE, stderr=log, text=True, cwd=cwd)


@contextmanager
def process(folder: Path, program: Sequence[str] = SERVE, cwd: Path | None = None) -> Iterator[Process]:
    """Run a service as a process, and assert that its log has no traceback."""
    with tempfile.TemporaryFile() as log, begun(folder, log, program, cwd) as running:
        try:
            assert running.stdout
            line = running.stdout.readline()
            service = Process(running, line.removeprefix(LISTENING).strip(), log)
            assert line.startswith(LISTENING), service.log()
            yield service
            if running.poll() is None:
                service.interrupt()
        finally:
            running.kill()
        assert "Traceback" not in service.log(), service.log()


@contextmanager
def thread(
    folder: Path, executor: Executor | None = None, limits: ServiceLimits = DEFAULT_LIMITS
) -> Iterator[Client]:
    """Run a service in a thread, and yield a client. At the end, the service stops as with Ctrl-C."""
    config = server_config(EmbeddedService(folder, TOKEN, executor or Missing(), limits))
    server = uvicorn.Server(config)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        running = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        running.start()
        try:
            eventually(lambda: server.started or not running.is_alive())
            with Client(f"http://127.0.0.1:{listener.getsockname()[1]}") as client:
                yield client
        finally:
            server.should_exit = True
            running.join(60)
    assert not running.is_alive()


class Steps:
    """An executor that the job's topology controls: a number of `steps`, and then an `end`."""

    async def run(self, task: Task, report: Report) -> str:
        """Run a job."""
        told = task.payload["metadata"]["effective_config"]["data"]["topology"]
        (task.folder / f"attempt-{task.attempt}").touch()
        files = [path.read_bytes().count(b"\n") for path in (task.training, task.validation) if path]
        data = {"attempt": task.attempt, "files": files, "kept": sorted(os.listdir(task.folder))}
        report.event("log", f"attempt {task.attempt}", data)
        for step in range(told.get("steps", 0)):
            report.metric("train.loss", step, 1 / (step + 1))
            report.metric("val.loss", step, 2 / (step + 1))
            await asyncio.sleep(0)
        for name, value in told.get("points", {}).items():
            report.metric(name, 0, float(value))
        for each in told.get("events", ()):
            report.event(**json.loads(each))
        match told.get("end"):
            case "refuse":
                raise FailedError(json.loads(told.get("why", '"no GPU is free"')))
            case "crash":
                raise ZeroDivisionError("by zero")
            case "wait":
                await asyncio.Event().wait()
            case "hold on":
                with suppress(asyncio.CancelledError):
                    await asyncio.Event().wait()
                await asyncio.Event().wait()
            case "stumble" if task.attempt == 1:
                with suppress(asyncio.CancelledError):
                    await asyncio.Event().wait()
                raise FailedError("it was not to be stopped")
            case "wait once" if task.attempt == 1:
                await asyncio.Event().wait()
        return f"{task.payload['model']}:{task.id}"


class Told:
    """An executor whose job runs until it is cancelled, and reports what a test tells it to."""

    def __init__(self) -> None:
        self.report: Report | None = None
        self.loop: asyncio.AbstractEventLoop | None = None

    async def run(self, task: Task, report: Report) -> str:
        """Run a job."""
        self.report, self.loop = report, asyncio.get_running_loop()
        await asyncio.Event().wait()
        raise AssertionError

    def tell(self, step: int) -> None:
        """Report a point and an event."""
        assert self.report
        assert self.loop
        self.loop.call_soon_threadsafe(self.report.metric, "train.loss", step, 1 / step)
        self.event("log", f"step {step} is done")

    def event(self, type: str, message: str, data: Mapping[str, Any] | None = None) -> None:
        """Report an event."""
        assert self.report
        assert self.loop
        self.loop.call_soon_threadsafe(self.report.event, type, message, data)


@contextmanager
def running(client: Client, file: str, told: Told) -> Iterator[str]:
    """Run a job until the end of the context, and yield its id."""
    told.report = None
    id = client.started(file)
    eventually(lambda: told.report)
    yield id
    client.post(f"/jobs/{id}/cancel")
    client.once(id)


def serve_folder(folder: str, executor: Executor | None) -> None:
    """Serve a data folder until interrupted."""
    with suppress(KeyboardInterrupt):
        serve(
            EmbeddedService(Path(folder), TOKEN, executor),
            "127.0.0.1",
            0,
            lambda url: print(f"{LISTENING}{url}", flush=True),  # noqa: T201  the starting process waits for this
        )
