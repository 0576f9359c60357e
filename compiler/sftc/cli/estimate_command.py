"""`sftc estimate`: how much memory a run needs, before anything is uploaded or loaded."""

import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from sftc.cli.configs import load_compiled
from sftc.cli.exits import FINDINGS
from sftc.cli.model_option import MODEL_METAVAR
from sftc.cli.options import set_option
from sftc.cli.output import write_stdout
from sftc.document.overrides import Override

if TYPE_CHECKING:
    from sftc.checks.config import Config
    from sftc.estimate.base_numbers import BaseNumbers
    from sftc.estimate.devices import Device


@click.command("estimate", short_help="Estimate the memory of a run.")
@click.argument("config", metavar="CONFIG")
@click.option(
    "--model",
    metavar=f"{MODEL_METAVAR}|config.json",
    help="Folder or config.json of the base model, or its id. [default: `job.model`]",
)
@click.option("--device", metavar="NAME", help="Kind of GPU, or cpu. [default: `compute.gpu_type`]")
@click.option(
    "--gpus", type=click.IntRange(min=1), metavar="N", help="Number of GPUs. [default: those of the config]"
)
@click.option(
    "--format",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="Format of the output.",
)
@set_option
def estimate_command(
    config: str,
    model: str | None,
    device: str | None,
    gpus: int | None,
    format: str,
    overrides: Sequence[Override],
) -> None:
    """Estimate the memory that each device needs for the run of CONFIG, part by part.

    The estimate has a lower bound, an expected value and an upper bound. The model is not loaded: its
    config.json is enough, and for well-known models not even that. Exits with 1 if the run is expected
    not to fit.
    """
    from importlib import import_module

    from sftc.estimate.estimate_run import estimate_run
    from sftc.estimate.shapes import UnknownShapeError

    number = [Override.of("compute.gpu_count", gpus), Override.of("compute.nodes", 1)] if gpus else []
    checked = load_compiled(config, [*overrides, *number]).checked
    _check_batch(checked, config)
    name = model or _model_of(checked)
    try:
        run = estimate_run(checked, _base(name), _device(device, checked))
    except UnknownShapeError as error:
        raise click.ClickException(
            f"the memory of {name} is not known: {error}. Pass --model with a model of the same shape."
        ) from error
    colored = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
    write_stdout(import_module(f"sftc.report.estimate_{format}").render(config, name, run, colored=colored))
    if run.fit and run.fit.word == "does not fit":
        sys.exit(FINDINGS)


def _check_batch(config: "Config", path: str) -> None:
    """Check that the batch settings agree.

    Raises:
        click.ClickException: they mean no run.
    """
    from sftc.checks.inexpressible import contradictions

    if found := [*contradictions(config)]:
        from sftc.report.terminal import render

        click.echo(render(found), err=True, nl=False)
        raise click.ClickException(f"{path} means no run, because settings contradict each other.")


def _model_of(config: "Config") -> str:
    from sftc.checks.rules.model import MODEL

    name = config.given(MODEL)
    if not name:
        raise click.UsageError("name a model with --model, or set `job.model`.")
    return name


def _base(name: str) -> "BaseNumbers":
    from sftc.estimate.base_numbers import known_numbers, numbers_in
    from sftc.tools.model_files import find_model

    place = name if name.endswith(".json") and os.path.isfile(name) else find_model(name)
    try:
        found = numbers_in(place) if place else known_numbers(name)
    except (OSError, ValueError) as error:
        raise click.ClickException(f"the model {name} cannot be read: {error}.") from error
    if not found:
        raise click.ClickException(
            f"the model {name} is not on this machine, and the table of models does not have it. "
            "Pass --model with its folder or its config.json"
            + (f": hf download {name} config.json" if name.count("/") == 1 else "")
            + "."
        )
    return found


def _device(name: str | None, config: "Config") -> "Device | None":
    from sftc.checks.rules.data import GPU_TYPE
    from sftc.estimate.devices import device_names, find_device

    word = name or config.given(GPU_TYPE)
    found = find_device(word) if word else None
    if word and not found:
        said = "--device" if name else f"`{config.key(GPU_TYPE)}`"
        names = ", ".join(device_names())
        raise click.UsageError(f"{said}: no device is called {word!r}; pass --device with one of {names}.")
    return found
