"""The stand-ins of `tests/submission/` are what the real clients of the services take them for.

The clients are driven against the stand-ins, and send the same requests as sftc does. The recorded shapes are
those of their types.
"""

import json
import re
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from support.backends import Asked, OddService
from support.hosted_services import HOSTED_KEY, SHAPES, Customer, Fireworks, StandIn, Together, form_of
from support.target_readers import run_reader
from support.training_files import GOOD

CONFIG = """schema_version = 2
[job]
name = "support-1"
model = "Qwen/Qwen3-8B"
data = "rows.jsonl"
[training]
mode = "lora"
[training.lora]
r = 32
[hyperparameters]
n_epochs = 1
global_batch = 64
[tracking]
to = ["wandb"]
project = "support"
"""
FIREWORKS = CONFIG.replace("Qwen/Qwen3-8B", "accounts/fireworks/models/qwen3-8b")


@pytest.mark.slow
@pytest.mark.parametrize("target", ["together", "fireworks"])
def test_the_recorded_shapes_are_those_of_the_client(target: str, tmp_path: Path) -> None:
    [shapes] = run_reader(target, [target], tmp_path, "client_shapes.py")
    recorded = json.loads((SHAPES / f"{target}.json").read_text())
    assert recorded == shapes, "write what the client has: python tests/targets/record_shapes.py"


@pytest.mark.slow
def test_the_client_of_together_takes_the_stand_in_for_its_service(tmp_path: Path) -> None:
    service = Together()
    (tmp_path / "rows.jsonl").write_text(GOOD)
    with service.running() as running:
        said = drive(service, running.root, tmp_path)
        theirs = requests(running)
    assert service.faults == []
    assert said == {
        "files": ["file-1", "file-1"],
        "price": service.price,
        "seen": ["pending", "queued", "running", "running", "completed", "completed"],
        "model": "me/Qwen3-8B-support-1",
        "events": ["job_pending", "training_start", "epoch_complete"],
        "steps": [2, 3],
        "listed": ["ft-1"],
        "cancelled": "cancelled",
        "unknown": [404, said["unknown"][1]],
    }
    assert "no job ft-unknown" in said["unknown"][1]
    ours = requests_of_sftc(Together(), CONFIG, tmp_path)
    assert [line for line in ours if line not in theirs] == []
    forms = [theirs["POST /v1/files"], ours["POST /v1/files"]]
    assert forms[0] == forms[1]
    sent, own = theirs["POST /v1/fine-tunes"], ours["POST /v1/fine-tunes"]
    assert own["training_type"].keys() == sent["training_type"].keys()
    assert own.keys() <= sent.keys()
    asked, own = (each["POST /v1/fine-tunes/estimate-price"] for each in (theirs, ours))
    assert own.keys() >= asked.keys()


@pytest.mark.slow
def test_the_client_of_fireworks_takes_the_stand_in_for_its_service(tmp_path: Path) -> None:
    """Its storage has TLS, since the client sends files to no other."""
    service = Fireworks()
    (tmp_path / "rows.jsonl").write_text(GOOD)
    with service.running() as running, with_tls(service, tmp_path) as certificate:
        said = drive(service, running.root, tmp_path, SSL_CERT_FILE=str(certificate))
        theirs = requests(running)
    assert service.faults == []
    job = "accounts/me/supervisedFineTuningJobs/j-1"
    assert said == {
        "job": job,
        "cost": ["7", 500000000],
        "seen": [
            "JOB_STATE_CREATING",
            "JOB_STATE_PENDING",
            "JOB_STATE_RUNNING",
            "JOB_STATE_COMPLETED",
        ],
        "model": "accounts/me/models/support-1",
        "listed": [job],
        "cancelled": "JOB_STATE_CANCELLED",
        "unknown": [404, said["unknown"][1]],
    }
    assert "no job unknown" in said["unknown"][1]
    ours = requests_of_sftc(Fireworks(), FIREWORKS, tmp_path)
    assert [line for line in ours if line not in theirs and not line.startswith("PUT ")] == []
    dataset = [each["POST /v1/accounts/me/datasets"] for each in (theirs, ours)]
    assert dataset[0]["dataset"] == dataset[1]["dataset"]


@pytest.mark.slow
def test_a_file_is_sent_to_a_storage_with_tls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    service = Fireworks()
    (tmp_path / "rows.jsonl").write_text(GOOD)
    with service.running() as running, with_tls(service, tmp_path) as certificate:
        customer = Customer(tmp_path, service, running.root)
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        customer.submit(customer.order(FIREWORKS))
    assert [*service.files.values()] == [GOOD.encode()]
    assert service.faults == []


@contextmanager
def with_tls(service: StandIn, folder: Path) -> Iterator[Path]:
    """Give the storage of a stand-in an address with TLS, and return the certificate to trust."""
    names = [folder / "certificate.pem", folder / "key.pem"]
    command = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-days",
        "2",
        "-subj",
        "/CN=localhost",
    ]
    command += ["-addext", "subjectAltName=IP:127.0.0.1", "-out", str(names[0]), "-keyout", str(names[1])]
    subprocess.run(command, check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certfile=names[0], keyfile=names[1])
    storage = OddService(service)
    storage.socket = context.wrap_socket(storage.socket, server_side=True)
    with storage.running():
        service.storage = f"https://127.0.0.1:{storage.port}"
        yield names[0]


def drive(service: StandIn, url: str, folder: Path, **more: str) -> dict[str, Any]:
    """Return what the client understands of the service at `url`."""
    variables = {service.key_variable: HOSTED_KEY, **more}
    program = f"drive_{service.name}.py"
    [said] = run_reader(service.name, [url, folder / "rows.jsonl"], folder, program, variables)
    return said


def requests_of_sftc(service: StandIn, config: str, folder: Path) -> dict[str, Any]:
    """Return the requests of sftc for a job that runs to its end; see `requests`."""
    with service.running() as running:
        customer = Customer(folder, service, running.root)
        customer.follow(customer.submit(customer.order(config)))
        return requests(running)


def requests(service: OddService) -> dict[str, Any]:
    """Return the bodies of the requests that a service got, the last one of each line, with short ids."""
    return {short(each): content(each) for each in service.asked}


def short(asked: Asked) -> str:
    path = re.sub(r"(file|ft)-\d+|(d|j)-1|sftc-[0-9a-f]{40}", "ID", asked.path.partition("?")[0])
    return f"{asked.method} {path}"


def content(asked: Asked) -> Any:
    if (asked.headers.get("Content-Type") or "").startswith("multipart/"):
        return form_of(asked)
    return json.loads(asked.body) if asked.body[:1] == b"{" and asked.method == "POST" else None
