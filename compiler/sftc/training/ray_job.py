"""The entry point of a Ray job: `python -m sftc.training.ray_job FILE`.

`FILE` is a job specification. A Ray task makes the plan on a machine of the cluster, then Ray
Train's workers train. Their reports go to the job's log, each on a line that starts with
`ray_cluster.MARK`, and the executor reads them there.
"""

import io
import json
import sys
import traceback
from collections import Counter
from pathlib import Path
from threading import Thread
from typing import Any, Final

import ray
from ray.train import FailureConfig, RunConfig, ScalingConfig, WorkerGroupError
from ray.train.torch import TorchConfig, TorchTrainer
from ray.util.queue import Queue

from sftc.contract.versions import PACKAGED
from sftc.service.executor import FailedError
from sftc.training import job_spec
from sftc.training.launch import process_group_backend
from sftc.training.machine import Machine, out_of_memory, probe
from sftc.training.make_plan import UnsupportedJobError
from sftc.training.ray_cluster import MARK
from sftc.training.reporter import Reporter
from sftc.training.settings import PayloadSettings

_RESTARTS: Final = 2
"""Maximum number of restarts by Ray Train if a process is lost. Each resumes from a checkpoint."""


def main() -> None:
    """Train a job on the cluster that this process runs in, and print its reports."""
    ray.init(log_to_driver=False)
    queue = Queue(actor_options={"num_cpus": 0})
    Thread(target=_run, args=(Path(sys.argv[1]), queue), daemon=True).start()
    while line := queue.get():
        sys.stdout.write(MARK + line)
        sys.stdout.flush()
        if "failed" in json.loads(line):  # end now: a retry by Ray would fail for the same reason
            sys.exit(1)


class _Lines(io.StringIO):
    """A text stream that sends each write to a queue."""

    def __init__(self, queue: Queue) -> None:
        super().__init__()
        self._queue = queue

    def write(self, text: str) -> int:
        self._queue.put(text)
        return len(text)


def _run(file: Path, queue: Queue) -> None:
    """Train, and put an empty line in the queue at the end."""
    reporter = Reporter(_Lines(queue))
    try:
        _fit(file, queue)
    except WorkerGroupError as error:
        traceback.print_exc()
        reporter.failed(_lost(error))
    except Exception as error:  # noqa: BLE001  in a thread, it would go unreported
        traceback.print_exc()
        reporter.failed(f"{type(error).__name__}: {error}")
    queue.put("")


def _lost(error: WorkerGroupError) -> str:
    """Return why training failed.

    If a process is dead, the errors of the others are consequences of that and are ignored.
    """
    failures = error.worker_failures
    dead = [rank for rank, each in failures.items() if hasattr(each, "health_check_failure")]
    if not dead:
        first = next(iter(failures.values()))
        return f"{type(first).__name__}: {first}"
    return (
        f"training process {dead[0]} was lost more than {_RESTARTS} times; if the machine ran out of "
        "memory, lower `hyperparameters.per_device_batch` or `hyperparameters.sequence_length`"
    )


def _fit(file: Path, queue: Queue) -> None:
    alive = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    cpus, gpus = (int(sum(node.get(kind, 0) for node in alive)) for kind in ("CPU", "GPU"))
    if not cpus and not gpus:
        raise FailedError("the Ray cluster has no CPU and no GPU")
    nodes = sum(node.get("GPU" if gpus else "CPU", 0) >= 1 for node in alive)
    needs = {"num_cpus": 0, "num_gpus": 1} if gpus else {"num_cpus": 1}  # the same as a worker of Ray Train
    processes = ray.get(ray.remote(_prepare).options(**needs).remote(file, queue, nodes, cpus, gpus))
    TorchTrainer(
        _train,
        train_loop_config={"file": file, "queue": queue},
        torch_config=TorchConfig(backend=process_group_backend(gpus=bool(gpus))),
        scaling_config=ScalingConfig(num_workers=processes, use_gpu=bool(gpus)),
        run_config=RunConfig(
            name="ray",
            storage_path=str(file.parent),
            failure_config=FailureConfig(max_failures=_RESTARTS),
        ),
    ).fit()


def _prepare(file: Path, queue: Queue, nodes: int, cpus: int, gpus: int) -> int:
    """Make the plan with the hardware of this machine, and return the number of processes.

    All machines of the cluster are assumed to have the same hardware.
    """
    from sftc.training.run_job import prepare_job

    reporter = Reporter(_Lines(queue))
    try:
        return prepare_job(job_spec.read_spec(file), _cluster(nodes, cpus, gpus), reporter).processes
    except Exception as error:
        reporter.failed(_known(error) or f"{type(error).__name__}: {error}")
        raise FailedError from error  # the original may not be picklable


def _cluster(nodes: int, cpus: int, gpus: int) -> Machine:
    here = probe()
    if gpus and here.kind != "cuda":
        raise FailedError("the Ray cluster has GPUs, but the torch installed on its machines cannot use them")
    return here._replace(names=here.names[:1] * (gpus or 1), nodes=nodes, cpus=cpus)


def _train(config: dict[str, Any]) -> None:
    """Train in one process of Ray Train's worker group."""
    from sftc.training.run_job import train_job

    reporter = Reporter(_Lines(config["queue"]))
    try:
        work = job_spec.read_spec(config["file"])
        _report_placement(work, reporter)
        train_job(work, reporter)
    except Exception as error:
        if reason := _known(error):
            reporter.failed(reason, resumes=getattr(error, "resumes", False))
        raise


def _known(error: Exception) -> str | None:
    """Return the message of an error that a retry cannot fix, otherwise `None`."""
    return str(error) if isinstance(error, FailedError | UnsupportedJobError) else out_of_memory(error)


def _report_placement(work: job_spec.JobSpec, reporter: Reporter) -> None:
    """Report the machines and devices that Ray placed the processes on."""
    import torch
    from torch import distributed

    device = torch.cuda.get_device_name() if torch.cuda.is_available() else "CPU"
    places: list[Any] = [None] * distributed.get_world_size()
    distributed.all_gather_object(places, (ray.util.get_node_ip_address(), device))
    machines = Counter(address for address, _ in places)
    devices = Counter(device for _, device in places)
    said = ", ".join(f"{count} x {name}" for name, count in devices.items())
    reporter.event("workers", f"{said} on {len(machines)} of the cluster's machines", {"machines": machines})
    asked = PayloadSettings(work.payload, PACKAGED)["compute.nodes"] or 1
    if len(machines) != asked:
        reporter.event("deviation", f"`compute.nodes`: it is {asked}, but Ray used {len(machines)}")


if __name__ == "__main__":
    main()
