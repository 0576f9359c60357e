"""Stand-ins for the services of Together and Fireworks: what their clients send, and what those read.

Each checks requests, and its own answers, against the shapes in `tests/submission/shapes/`, which are the
types of the clients. `tests/targets/test_service_clients.py` keeps them fresh, and drives the real clients
against the stand-ins.
"""

import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email import message_from_bytes
from hashlib import sha256
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

from jsonschema import Draft202012Validator

from sftc import compile as compile_config
from sftc.contract.versions import PACKAGED
from sftc.submission.client import Patience, ServiceClient
from sftc.submission.endpoint import backend_at, base_url
from sftc.submission.follow import Pace, follow_job
from sftc.submission.journal import Journal
from sftc.submission.preflight import Excess, excesses
from sftc.submission.submit import Order, Submission
from sftc.submission.upload import Readiness
from support.backends import Answer, Asked, OddService, data_file, odd_service

SHAPES = Path(__file__).parents[1] / "submission" / "shapes"
SECRET_URL = "signature-that-nobody-may-see"  # noqa: S105  not a real one
HOSTED_KEY = "hk-0123456789abcdefghijklmnopqrstuvwxyz"
WANDB_KEY = "wandb-0123456789abcdefghijklmnopqrstuvw"
"""The keys of a service and of Weights & Biases. They must not appear in any output."""

TIME = "2026-11-27T05:00:00Z"


class Trouble(NamedTuple):
    """An answer that is given instead of the right one; the request has its effect if it `happens`."""

    answer: Answer
    happens: bool = False


class StandIn:
    """A service that is spoken to over HTTP, with jobs that advance with each look at them.

    Attributes:
        faults: what was wrong with requests or with its own answers.
        trouble: what goes wrong, by method and path; each entry happens once.
        course: the statuses of a new job, one for each look, the last one for ever.
        jobs: the bodies of the requests for jobs, by id.
        files: the contents of uploaded files, by id; `None` if the content did not arrive.
        looks: how often each job was looked at.
        root: the address that it is at, and `storage` that of its storage if it is another one.
    """

    name: ClassVar[str]
    key_variable: ClassVar[str]

    def __init__(self) -> None:
        self.faults: list[str] = []
        self.trouble: dict[str, list[Trouble]] = {}
        self.course: list[str] = []
        self.jobs: dict[str, dict[str, Any]] = {}
        self.files: dict[str, bytes | None] = {}
        self.looks: dict[str, int] = {}
        self.root = ""
        self.storage = ""
        self._shapes = json.loads((SHAPES / f"{self.name}.json").read_text())

    def __call__(self, asked: Asked) -> Answer:
        path = asked.path.partition("?")[0]
        line = f"{asked.method} {path}"
        waiting = next((each for name, each in self.trouble.items() if re.fullmatch(name, line)), [])
        trouble = waiting.pop(0) if waiting else None
        if trouble and not trouble.happens:
            return trouble.answer
        answer = self._answer(asked, path)
        if not isinstance(answer.body, bytes):
            answer = answer._replace(headers={**answer.headers, "Content-Type": "application/json"})
        return trouble.answer if trouble else answer

    def _answer(self, asked: Asked, path: str) -> Answer:
        bearer = asked.headers.get("Authorization")
        if path.startswith("/storage/"):
            if bearer:
                self.faults.append(f"the storage got a key: {asked.method} {path}")
            return self.store(asked, path)
        if bearer != f"Bearer {HOSTED_KEY}":
            return self.refuse(401, "the key is wrong")
        for pattern, handle in self.routes():
            method, _, form = pattern.partition(" ")
            found = re.fullmatch(form, path)
            if method == asked.method and found:
                return handle(asked, *found.groups())
        return self.refuse(404, f"no route {asked.method} {path}")

    def routes(self) -> list[tuple[str, Callable[..., Answer]]]:
        """Return the handlers of requests by method and path."""
        raise NotImplementedError

    def refuse(self, status: int, message: str) -> Answer:
        """Return a refusal as the service forms it."""
        raise NotImplementedError

    def store(self, asked: Asked, path: str) -> Answer:
        """Take the content of a file at an address with a signature."""
        id = path.removeprefix("/storage/")
        if asked.query.get("signature") != SECRET_URL:
            return Answer(b"<Error/>", 403)
        if asked.headers.get("Transfer-Encoding") or len(asked.body) != asked.size:
            self.faults.append("the content has no length")
        self.files[id] = asked.body
        return Answer(b"", 200)

    def address(self, id: str) -> str:
        """Return the address for the content of a file."""
        return f"{self.storage or self.root}/storage/{id}?signature={SECRET_URL}"

    def fits(self, shape: str, value: Any) -> Any:
        """Return `value`, which must have that shape."""
        for error in Draft202012Validator(self._shapes[shape]).iter_errors(value):
            self.faults.append(f"{shape}: {error.json_path}: {error.message[:300]}")
        return value

    def body(self, asked: Asked, shape: str | None = None) -> dict[str, Any]:
        """Return the JSON body of a request, which must have that shape."""
        if not asked.headers.get("Content-Type", "").startswith("application/json"):
            self.faults.append(f"{asked.method} {asked.path} is no JSON")
        found: dict[str, Any] = json.loads(asked.body)
        return self.fits(shape, found) if shape else found

    def status(self, id: str, *, looks: bool = True) -> str:
        """Return the status of a job, which advances with each look."""
        at = self.looks.get(id, 0)
        if looks:
            self.looks[id] = at + 1
        return self.course[min(at, len(self.course) - 1)]

    @contextmanager
    def running(self) -> Iterator[OddService]:
        """Serve in a thread."""
        with odd_service(self) as service:
            self.root = service.root
            yield service


def form_of(asked: Asked) -> dict[str, str]:
    """Return the text fields of a multipart form."""
    head = f"Content-Type: {asked.headers['Content-Type']}\r\n\r\n".encode()
    parts = message_from_bytes(head + asked.body).get_payload()
    assert isinstance(parts, list), "the form is not multipart"
    found = {}
    for part in parts:
        assert not isinstance(part, str)
        content = part.get_payload(decode=True)
        assert isinstance(content, bytes)
        found[str(part.get_param("name", header="content-disposition"))] = content.decode()
    return found


class Together(StandIn):
    """The service of Together, as version 3.1.1 of its client knows it."""

    name = "together"
    key_variable = "TOGETHER_API_KEY"

    def __init__(self) -> None:
        super().__init__()
        self.course = ["pending", "queued", "running", "running", "completed"]
        self.states: dict[str, list[str]] = {}
        self.forms: dict[str, dict[str, str]] = {}
        self.price: dict[str, Any] = {
            "estimation_available": True,
            "estimated_total_price": 12.345,
            "estimated_train_token_count": 1234567,
            "estimated_eval_token_count": 0,
            "allowed_to_proceed": True,
            "user_limit": 100,
        }
        self.limits: dict[str, Any] = {
            "model_name": "Qwen/Qwen3-8B", "default_gradient_accumulation_steps": 1,
            "max_num_epochs": 20, "max_num_evals": 100, "max_num_checkpoints": 100,
            "min_learning_rate": 0.0, "max_learning_rate": 1.0,
            "min_max_seq_length": 256, "max_seq_length_sft": 32768, "max_seq_length_dpo": 8192,
            "merge_output_lora": True, "supports_full_training": True, "supports_reasoning": True,
            "supports_tools": True, "supports_vision": False,
            "lora_training": {
                "default_rank": 8, "max_rank": 64, "min_batch_size": 8, "max_batch_size": 128,
                "max_batch_size_dpo": 64, "target_modules": ["q_proj", "k_proj", "v_proj", "o_proj"],
            },
            "full_training": {"min_batch_size": 8, "max_batch_size": 32, "max_batch_size_dpo": 8},
        }  # fmt: skip
        self.events: list[dict[str, Any]] = [
            self._event("job_pending", "Job is pending"),
            self._event("training_start", "Training started"),
            {**self._event("epoch_complete", "Epoch 1 of 3 is complete"), "step": 10, "total_steps": 30},
        ]
        self.metrics: list[dict[str, Any]] = [
            {
                "train/global_step": step,
                "train/loss": 3.0 / step,
                "train/learning_rate": 0.1,
                "timestamp": 1.0,
            }
            for step in (1, 2, 3)
        ]

    @staticmethod
    def _event(type: str, message: str, level: str = "info") -> dict[str, Any]:
        event = {"object": "fine-tune-event", "type": type, "message": message, "level": level}
        return {**event, "created_at": TIME}

    def fail(self, message: str) -> None:
        """Let jobs fail with an event that says why."""
        self.course = ["running", "error"]
        self.events.append(self._event("job_error", message, "error"))

    def refuse(self, status: int, message: str) -> Answer:
        """Return a refusal as the service forms it."""
        return Answer({"error": {"message": message, "type": "invalid_request_error", "code": None}}, status)

    def routes(self) -> list[tuple[str, Callable[..., Answer]]]:
        """Return the handlers of requests by method and path."""
        return [
            ("POST /v1/files", self._reserve),
            ("POST /v1/files/([^/]+)/preprocess", self._preprocess),
            ("GET /v1/files/([^/]+)", self._file),
            ("GET /v1/fine-tunes/models/limits", self._limits),
            ("POST /v1/fine-tunes/estimate-price", self._price),
            ("POST /v1/fine-tunes", self._create),
            ("GET /v1/fine-tunes", self._list),
            ("GET /v1/fine-tunes/([^/]+)", self._job),
            ("GET /v1/fine-tunes/([^/]+)/events", self._events),
            ("GET /v1/fine-tunes/([^/]+)/metrics", self._metrics),
            ("POST /v1/fine-tunes/([^/]+)/cancel", self._cancel),
        ]

    def _reserve(self, asked: Asked) -> Answer:
        form = form_of(asked)
        wanted = {"purpose", "file_name", "file_type", "checksum"}
        if set(form) != wanted or form["file_type"] != "jsonl" or not form["file_name"].endswith(".jsonl"):
            self.faults.append(f"the form of a file is {form}")
        for id, known in self.forms.items():
            if known["checksum"] == form["checksum"] and self.files[id] is not None:
                return Answer({"file_id": id}, 409)
        id = f"file-{len(self.files) + 1}"
        self.files[id], self.forms[id] = None, form
        return Answer(b"", 302, {"Location": self.address(id), "X-Together-File-Id": id})

    def store(self, asked: Asked, path: str) -> Answer:
        """Take the content of a file, which must have the checksum that was reserved."""
        answer, id = super().store(asked, path), path.removeprefix("/storage/")
        if answer.status == 200 and sha256(asked.body).hexdigest() != self.forms[id]["checksum"]:
            self.faults.append("the content has another checksum")
        return answer

    def _description(self, id: str) -> dict[str, Any]:
        states = self.states.setdefault(id, ["QUEUED", "RUNNING", "COMPLETED"])
        state = states.pop(0) if len(states) > 1 else states[0]
        report = {"valid": False, "error": "line 2 is wrong", "error_type": "INVALID_FORMAT"}
        return {
            "id": id,
            "object": "file",
            "bytes": len(self.files[id] or b""),
            "created_at": 1,
            "filename": self.forms[id]["file_name"],
            "FileType": "jsonl",
            "purpose": "fine-tune",
            "processing_status": state,
            **({"validation_report": report} if state == "INVALID_FORMAT" else {}),
        }

    def _preprocess(self, asked: Asked, id: str) -> Answer:
        if self.files.get(id) is None:
            return self.refuse(400, "the file has no content")
        return Answer(self.fits("file", self._description(id)))

    def _file(self, asked: Asked, id: str) -> Answer:
        if id not in self.files:
            return self.refuse(404, f"no file {id}")
        return Answer(self.fits("file", self._description(id)))

    def _limits(self, asked: Asked) -> Answer:
        self.fits("limits query", asked.query)
        return Answer(self.fits("limits", self.limits))

    def _price(self, asked: Asked) -> Answer:
        self.body(asked, "price request")
        shape = "price" if self.price["estimation_available"] else "no price"
        return Answer(self.fits(shape, self.price))

    def _create(self, asked: Asked) -> Answer:
        body = self.body(asked, "job request")
        for name in ("training_file", "validation_file"):
            if body.get(name) and self.files.get(body[name]) is None:
                return self.refuse(400, f"no file {body[name]}")
        id = f"ft-{len(self.jobs) + 1}"
        self.jobs[id] = body
        return Answer(self.fits("new job", self._truncated(id, looks=False)))

    def _truncated(self, id: str, *, looks: bool) -> dict[str, Any]:
        body = self.jobs[id]
        names = (
            "model", "training_file", "validation_file", "suffix", "n_epochs", "n_evals", "n_checkpoints",
            "batch_size", "learning_rate", "warmup_ratio", "weight_decay", "max_grad_norm", "max_seq_length",
            "random_seed", "packing", "wandb_name", "wandb_project_name",
        )  # fmt: skip
        return {
            **{name: body[name] for name in names if name in body},
            "id": id,
            "status": self.status(id, looks=looks),
            "user_id": "user-1",
            "created_at": self.created,
            "updated_at": TIME,
            "model_output_name": f"me/{body['model'].rpartition('/')[2]}-{body.get('suffix') or id}",
        }

    created = "2999-01-01T00:00:00Z"
    """When jobs were created: after anything that a test does."""

    def _list(self, asked: Asked) -> Answer:
        jobs = [self._truncated(id, looks=False) for id in reversed(self.jobs)]
        return Answer(self.fits("jobs", {"data": jobs}))

    def _job(self, asked: Asked, id: str) -> Answer:
        if id not in self.jobs:
            return self.refuse(404, f"no job {id}")
        left_out = {"suffix", "max_seq_length", "random_seed", "packing", "wandb_name"}
        job = {name: value for name, value in self._truncated(id, looks=True).items() if name not in left_out}
        return Answer(self.fits("job", job))

    def _events(self, asked: Asked, id: str) -> Answer:
        return Answer(self.fits("events", {"data": self.events}))

    def _metrics(self, asked: Asked, id: str) -> Answer:
        start = int(asked.query.get("global_step_from", "0"))
        found = [each for each in self.metrics if each["train/global_step"] >= start]
        return Answer(self.fits("metrics", {"metrics": found}))

    def _cancel(self, asked: Asked, id: str) -> Answer:
        self.course = ["cancelled"]
        return Answer(self.fits("cancelled job", self._truncated(id, looks=False)))


class Fireworks(StandIn):
    """The service of Fireworks, as version 1.2.30 of its client knows it, for the account `me`."""

    name = "fireworks"
    key_variable = "FIREWORKS_API_KEY"
    account = "me"

    def __init__(self) -> None:
        super().__init__()
        self.course = ["JOB_STATE_CREATING", "JOB_STATE_PENDING", "JOB_STATE_RUNNING", "JOB_STATE_COMPLETED"]
        self.rows: dict[str, str] = {}
        self.sizes: dict[str, dict[str, str]] = {}
        self.ready: dict[str, int] = {}
        self.fault: dict[str, Any] = {"code": "OK", "message": ""}
        self.message = ""

    def fail(self, message: str) -> None:
        """Let jobs fail with a message."""
        self.course, self.message = ["JOB_STATE_RUNNING", "JOB_STATE_FAILED"], message

    def refuse(self, status: int, message: str) -> Answer:
        """Return a refusal as the service forms it."""
        return Answer({"code": 3, "message": message, "details": []}, status)

    def routes(self) -> list[tuple[str, Callable[..., Answer]]]:
        """Return the handlers of requests by method and path."""
        root = f"/v1/accounts/{self.account}"
        return [
            (f"POST {root}/datasets", self._new_dataset),
            (f"GET {root}/datasets/([^/:]+)", self._dataset),
            (f"POST {root}/datasets/([^/:]+):getUploadEndpoint", self._upload),
            (f"POST {root}/datasets/([^/:]+):validateUpload", self._validate),
            (f"POST {root}/supervisedFineTuningJobs", self._create),
            (f"GET {root}/supervisedFineTuningJobs", self._list),
            (f"GET {root}/supervisedFineTuningJobs/([^/:]+)", self._job),
            (f"POST {root}/supervisedFineTuningJobs/([^/:]+):cancel", self._cancel),
        ]

    def _named(self, id: str) -> None:
        if not re.fullmatch(r"[a-z]([a-z0-9-]{0,61}[a-z0-9])?", id):
            self.faults.append(f"{id} is not a name of Fireworks")

    def _new_dataset(self, asked: Asked) -> Answer:
        body = self.body(asked, "dataset request")
        id = body["datasetId"]
        self._named(id)
        if id in self.rows:
            return self.refuse(409, f"dataset {id} already exists")
        self.rows[id] = body["dataset"]["exampleCount"]
        return Answer(self.fits("dataset", self._description(id)))

    def _description(self, id: str) -> dict[str, Any]:
        left = self.ready.get(id)
        if left:
            self.ready[id] = left - 1
        return {
            "name": f"accounts/{self.account}/datasets/{id}",
            "state": "READY" if left == 0 else "UPLOADING",
            "status": self.fault,
            "exampleCount": self.rows[id],
            "createTime": TIME,
            "userUploaded": {},
        }

    def _dataset(self, asked: Asked, id: str) -> Answer:
        if id not in self.rows:
            return self.refuse(404, f"no dataset {id}")
        return Answer(self.fits("dataset", self._description(id)))

    def _upload(self, asked: Asked, id: str) -> Answer:
        self.sizes[id] = self.body(asked, "upload request")["filenameToSize"]
        addresses = {name: self.address(f"{id}/{name}") for name in self.sizes[id]}
        return Answer(self.fits("upload", {"filenameToSignedUrls": addresses}))

    def store(self, asked: Asked, path: str) -> Answer:
        """Take the content of a file, if it has the headers that are part of the signature."""
        size = asked.size
        headers = (asked.headers.get("Content-Type"), asked.headers.get("X-Goog-Content-Length-Range"))
        if headers != ("application/octet-stream", f"{size},{size}"):
            self.faults.append(f"the signature is for other headers than {headers}")
        id, _, name = path.removeprefix("/storage/").partition("/")
        if self.sizes[id].get(name) != str(size):
            self.faults.append(f"{name} has {size} bytes")
        return super().store(asked, path)

    def _validate(self, asked: Asked, id: str) -> Answer:
        if not any(stored.startswith(f"{id}/") for stored, data in self.files.items() if data):
            return self.refuse(400, f"nothing was uploaded for {id}")
        self.ready[id] = 2
        return Answer(self.fits_object(self.body(asked)))

    def fits_object(self, body: dict[str, Any]) -> dict[str, Any]:
        """Return an empty object, the answer to requests with an empty body."""
        if body:
            self.faults.append(f"the body must be empty, not {body}")
        return {}

    def _create(self, asked: Asked) -> Answer:
        body = self.body(asked)
        self.fits("job request", {**body, **asked.query})
        id = asked.query["supervisedFineTuningJobId"]
        self._named(id)
        if id in self.jobs:
            return self.refuse(409, f"job {id} already exists")
        for name in ("dataset", "evaluationDataset"):
            dataset = body.get(name, "").removeprefix(f"accounts/{self.account}/datasets/")
            if dataset and self.ready.get(dataset) != 0:
                return self.refuse(400, f"dataset {body[name]} is not ready")
        self.jobs[id] = body
        cost = {"currencyCode": "USD", "units": "7", "nanos": 500000000}
        return Answer(self.fits("job", {**self._state(id, looks=False), "estimatedCost": cost}))

    def _state(self, id: str, *, looks: bool) -> dict[str, Any]:
        state = self.status(id, looks=looks)
        failed = {"code": "INVALID_ARGUMENT", "message": self.message}
        body = {name: value for name, value in self.jobs[id].items() if name != "wandbConfig"}
        return {
            **body,
            "name": f"accounts/{self.account}/supervisedFineTuningJobs/{id}",
            "state": state,
            "status": failed if state == "JOB_STATE_FAILED" else {"code": "OK", "message": ""},
            "createTime": TIME,
            "outputModel": f"accounts/{self.account}/models/{body.get('outputModel', id)}",
            "jobProgress": {"percent": 40 if state == "JOB_STATE_RUNNING" else 0},
        }

    def _list(self, asked: Asked) -> Answer:
        self.fits("jobs query", {**asked.query, "pageSize": int(asked.query.get("pageSize", "50"))})
        jobs = [self.fits("job", self._state(id, looks=False)) for id in reversed(self.jobs)]
        return Answer({"supervisedFineTuningJobs": jobs, "nextPageToken": ""})

    def _job(self, asked: Asked, id: str) -> Answer:
        if id not in self.jobs:
            return self.refuse(404, f"no job {id}")
        return Answer(self.fits("job", self._state(id, looks=True)))

    def _cancel(self, asked: Asked, id: str) -> Answer:
        self.course = ["JOB_STATE_CANCELLED"]
        return Answer(self.fits_object(self.body(asked)))


class Customer:
    """A client of a stand-in, with a journal on disk, that submits jobs and follows them to their end."""

    def __init__(self, folder: Path, service: StandIn, url: str) -> None:
        self.told: list[str] = []
        self.statuses: list[str] = []
        self.events: list[dict[str, Any]] = []
        self.points: list[tuple[str, int, float]] = []
        self._folder = folder
        self._target = PACKAGED.target(service.name)
        table = self._target.service
        variables = {
            service.key_variable: HOSTED_KEY,
            "WANDB_API_KEY": WANDB_KEY,
            "FIREWORKS_ACCOUNT_ID": "me",
        }
        self.backend = backend_at(
            base_url(url, variables, table), variables, allow_insecure=False, table=table
        )

    def order(self, config: str, validation: str | None = None, key: str | None = None) -> Order:
        """Return an order for a config and the file `rows.jsonl`."""
        payload = compile_config(config, target=self._target.name).payload
        second = data_file(self._folder / validation) if validation else None
        return Order(payload, data_file(self._folder / "rows.jsonl"), second, key)

    @contextmanager
    def _client(self, tries: int) -> Iterator[ServiceClient]:
        with ServiceClient(self.backend, self.told.append, Patience(tries, 0.001)) as client:
            yield client

    def submit(self, order: Order, tries: int = 3) -> str:
        """Return the id of the job of an order."""
        soon = Readiness(interval=0.05, timeout=0.5)
        identity = self.backend.identity
        with Journal(identity, self._folder / "journal") as journal, self._client(tries) as client:
            return Submission(client, journal, self.told.append, readiness=soon).submit(order)

    def beyond(self, config: str) -> list[Excess]:
        """Return the values of a config that are outside the limits of its model."""
        with self._client(1) as client:
            return excesses(self.order(config).payload, client)

    def follow(self, job: str, timeout: float = 20.0) -> dict[str, Any]:
        """Follow a job to its end, and return what the service said last."""
        with self._client(2) as client:
            return follow_job(job, client, self, Pace(0.01, timeout, appearing=5.0))

    def status(self, status: str) -> None:
        """Keep a status."""
        self.statuses.append(status)

    def event(self, event: dict[str, Any]) -> None:
        """Keep an event."""
        self.events.append(event)

    def point(self, point: dict[str, Any]) -> None:
        """Keep a point."""
        self.points.append((point["name"], point["step"], point["value"]))

    def note(self, text: str) -> None:
        """Keep a note."""
        self.told.append(text)

    def journals(self) -> bytes:
        """Return all that the journal has on disk."""
        return b"".join(path.read_bytes() for path in (self._folder / "journal").iterdir())
