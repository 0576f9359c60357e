"""Start the processes of a distributed job with torchrun's elastic launcher.

The processes rendezvous through files, because torch's TCP store listens on all network interfaces.
"""

import os
import signal
import sys
from pathlib import Path

import torch
from torch.distributed import init_process_group
from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
from torch.distributed.launcher.api import LaunchConfig, elastic_launch

_SECONDS = 0.5


def launch(file: Path, processes: int) -> None:
    """Run the worker for the job in `file` in several processes.

    If one of them is killed by SIGKILL, this process kills itself with SIGKILL too, so that the
    executor sees the signal and restarts the job.

    Args:
        file: the job specification.
        processes: the number of processes.

    Raises:
        ChildFailedError: a process failed for another reason.
    """
    for name in ("agent", "ranks"):
        _meeting(file.parent, name).unlink(missing_ok=True)
    os.environ["TORCH_DISABLE_SHARE_RDZV_TCP_STORE"] = "1"
    config = LaunchConfig(
        min_nodes=1,
        max_nodes=1,
        nproc_per_node=processes,
        run_id=file.parent.name,
        rdzv_backend="c10d",
        rdzv_endpoint=str(_meeting(file.parent, "agent")),
        rdzv_configs={"store_type": "file"},
        local_addr="127.0.0.1",
        max_restarts=0,
        monitor_interval=_SECONDS,
    )
    try:
        elastic_launch(config, sys.executable)("-P", "-m", "sftc.training.worker", str(file))
    except ChildFailedError as error:
        if error.get_first_failure()[1].exitcode == -signal.SIGKILL:
            os.kill(os.getpid(), signal.SIGKILL)
        raise


def join(file: Path) -> None:
    """Initialize the process group with the other processes of the job in `file`."""
    if torch.cuda.is_available():
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    init_process_group(
        process_group_backend(gpus=torch.cuda.is_available()),
        init_method=f"file://{_meeting(file.parent, 'ranks').absolute()}",
        rank=int(os.environ["RANK"]),
        world_size=int(os.environ["WORLD_SIZE"]),
    )


def process_group_backend(*, gpus: bool) -> str:
    """Return the torch.distributed backend.

    GPU jobs need gloo as well as NCCL, because FSDP saves and loads through the CPU.
    """
    return "cpu:gloo,cuda:nccl" if gpus else "gloo"


def _meeting(folder: Path, name: str) -> Path:
    return folder / f"meeting-{name}"
