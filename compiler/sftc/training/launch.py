"""Several processes for one job, started and watched by torchrun.

They find each other through files, because torch's own store listens on every address of the machine.
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
    """Run the worker in that many processes, each of which finds the job in `file`.

    If one of them is killed, this process ends in the same way.

    Raises:
        ChildFailedError: one of them failed.
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
    """Meet the other processes of the job in `file`."""
    if torch.cuda.is_available():
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    init_process_group(
        process_group_backend(gpus=torch.cuda.is_available()),
        init_method=f"file://{_meeting(file.parent, 'ranks').absolute()}",
        rank=int(os.environ["RANK"]),
        world_size=int(os.environ["WORLD_SIZE"]),
    )


def process_group_backend(*, gpus: bool) -> str:
    """Return what processes speak through; on GPUs, too, FSDP saves and loads by way of the CPU."""
    return "cpu:gloo,cuda:nccl" if gpus else "gloo"


def _meeting(folder: Path, name: str) -> Path:
    return folder / f"meeting-{name}"
