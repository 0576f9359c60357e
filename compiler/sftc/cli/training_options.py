"""The training options, for the commands that start the embedded service."""

import os
from collections.abc import Callable
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import click

from sftc.cli.packages import check_packages

if TYPE_CHECKING:
    from sftc.service.executor import Executor

_Function = TypeVar("_Function", bound=Callable[..., Any])

_NEEDED = ("torch", "transformers", "peft", "accelerate")


class TrainingOptions(NamedTuple):
    """Where the embedded service finds base models, what it may do, and which engine trains."""

    models_dir: str | None
    allow_download: bool
    allow_substitutions: bool
    engine: str
    address: str | None

    def arguments(self) -> list[str]:
        """Return these options as command-line arguments."""
        said = ["--models-dir", self.models_dir] if self.models_dir else []
        said += ["--allow-download"] * self.allow_download
        said += ["--allow-substitutions"] * self.allow_substitutions
        return said + (["--engine", self.engine, "--address", self.address] if self.address else [])


def training_options(command: _Function) -> _Function:
    """Add the options of `TrainingOptions` to a command, which receives them as keyword arguments."""
    for option in (
        click.option(
            "--address",
            metavar="HOST:PORT",
            help="Dashboard of the Ray cluster, for --engine ray.",
        ),
        click.option(
            "--engine",
            type=click.Choice(["torchrun", "ray"]),
            default="torchrun",
            show_default=True,
            help="Engine: processes on this machine, or a Ray cluster.",
        ),
        click.option(
            "--allow-substitutions",
            is_flag=True,
            help="Replace settings that this machine does not support, and report each, instead of refusing.",
        ),
        click.option("--allow-download", is_flag=True, help="Allow downloading a base model from the hub."),
        click.option(
            "--models-dir",
            metavar="FOLDER",
            envvar="SFTC_MODELS_DIR",
            callback=lambda ctx, param, value: value and os.path.abspath(os.path.expanduser(value)),
            help="Folder of base models. [$SFTC_MODELS_DIR]",
        ),
    ):
        command = option(command)
    return command


def training_of(arguments: dict[str, Any]) -> TrainingOptions:
    """Remove the training options from the arguments of a command, and return them."""
    return TrainingOptions(*(arguments.pop(name) for name in TrainingOptions._fields))


def executor(options: TrainingOptions) -> "Executor":
    """Return the executor that runs the jobs of an embedded service.

    Raises:
        click.UsageError: only one of `--engine ray` and `--address` is set.
        ModuleNotFoundError: Ray is not installed.
    """
    if (options.engine == "ray") != bool(options.address):
        raise click.UsageError("--engine ray and --address HOST:PORT need each other.")
    if options.engine == "ray":
        check_packages("ray")
    if not all(map(find_spec, _NEEDED)):
        from sftc.service.executor import Missing

        return Missing()
    from sftc.training.job_spec import ExecutorOptions
    from sftc.training.local import LocalExecutor

    how = ExecutorOptions(options.models_dir, options.allow_download, options.allow_substitutions)
    if options.address:
        from sftc.training.ray_cluster import RayExecutor

        return RayExecutor(how, f"http://{options.address}")
    return LocalExecutor(how)
