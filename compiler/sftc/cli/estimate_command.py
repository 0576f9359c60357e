"""`sftc estimate`: how much memory and time a run needs, before anything is uploaded or loaded."""

import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from sftc.cli.configs import load_compiled, show_warnings
from sftc.cli.exits import FINDINGS
from sftc.cli.model_option import MODEL_METAVAR
from sftc.cli.options import POSITIVE_NUMBER, set_option
from sftc.cli.output import is_colored, write_files, write_stdout
from sftc.document.overrides import Override

if TYPE_CHECKING:
    from sftc.checks.config import Config
    from sftc.estimate.base_numbers import BaseNumbers
    from sftc.estimate.devices import Device
    from sftc.estimate.estimate_run import RunEstimate
    from sftc.estimate.estimate_work import Rate
    from sftc.estimate.row_lengths import RowLengths


@click.command("estimate", short_help="Estimate the memory, the time and the price of a run.")
@click.argument("config", metavar="CONFIG")
@click.option(
    "--model",
    metavar=f"{MODEL_METAVAR}|config.json",
    help="Folder or config.json of the base model, or its id. [default: `job.model`]",
)
@click.option(
    "--dataset",
    "datasets",
    multiple=True,
    metavar="FILE",
    help="Training file, for steps and time. Repeatable.",
)
@click.option("--device", metavar="NAME", help="Kind of GPU, or cpu. [default: `compute.gpu_type`]")
@click.option(
    "--gpus", type=click.IntRange(min=1), metavar="N", help="Number of GPUs. [default: those of the config]"
)
@click.option(
    "--price-per-hour",
    "price",
    type=POSITIVE_NUMBER,
    metavar="X",
    help="Price of one device for an hour, in any currency; needs --dataset.",
)
@click.option("--plot", metavar="FILE", help="Draw the parts of the memory to an .svg or .png file.")
@click.option("--fit", is_flag=True, help="Show the least change of the config with which the run fits.")
@click.option("--write", is_flag=True, help="With --fit: make the change.")
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
    datasets: Sequence[str],
    device: str | None,
    gpus: int | None,
    price: float | None,
    plot: str | None,
    fit: bool,
    write: bool,
    format: str,
    overrides: Sequence[Override],
) -> None:
    """Estimate the memory that each device needs for the run of CONFIG, part by part.

    Each estimate has a lower bound, an expected value and an upper bound. The model is not loaded: its
    config.json is enough, and for well-known models not even that. With --dataset, the rows are counted
    in tokens, with the tokenizer of the model if it is on this machine: the steps, what padding wastes,
    the time on a GPU. Exits with 1 if the run is certain not to fit.
    """
    from importlib import import_module

    from sftc.checks.resources import GPU_COUNT, NODES
    from sftc.estimate.estimate_run import estimate_run
    from sftc.estimate.estimate_work import estimate_work
    from sftc.estimate.judge_run import judge_run
    from sftc.estimate.shapes import UnknownShapeError
    from sftc.report.estimate_report import EstimateReport

    if write and not fit:
        raise click.UsageError("--write needs --fit.")
    if fit and (format != "text" or plot):
        raise click.UsageError("--fit shows a change of the config: leave out --format and --plot.")
    if price and not datasets:
        raise click.UsageError("--price-per-hour needs --dataset: without rows there is no time.")
    if plot and os.path.splitext(plot)[1] not in {".svg", ".png"}:
        raise click.UsageError("--plot draws .svg and .png files.")
    number = [Override.of(GPU_COUNT.key, gpus), Override.of(NODES.key, 1)] if gpus else []
    compiled = load_compiled(config, [*overrides, *number])
    show_warnings(compiled.findings)
    checked = compiled.checked
    _check_batch(checked, config)
    name = model or _model_of(checked)
    base, lengths = _base(name), _lengths(datasets, config, name)
    try:
        run = estimate_run(checked, base, _device(device, checked), lengths)
    except UnknownShapeError as error:
        raise click.ClickException(
            f"the memory of {name} is not known: {error}. Pass --model with a model of the same shape."
        ) from error
    if fit:
        _fit(checked, run, base, lengths, write=write)
        return
    work = estimate_work(checked, run, lengths, _rate(checked, run)) if lengths else None
    report = EstimateReport(config, name, run, work, price, tuple(judge_run(checked, run, base, lengths)))
    write_stdout(
        import_module(f"sftc.report.estimate_{format}").render(report, colored=is_colored(sys.stdout))
    )
    if plot:
        from sftc.report.estimate_chart import draw

        write_files({plot: draw(report, os.path.splitext(plot)[1][1:])})
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
    from sftc.tools.estimate_config import find_base

    try:
        found = find_base(name)
    except (OSError, ValueError) as error:
        raise click.ClickException(f"the model {name} cannot be read: {error}.") from error
    if not found:
        from sftc.cli.model_option import missing_model

        missing = missing_model(name, "config.json").removesuffix(".")
        raise click.ClickException(
            f"{missing}. The table of models does not have it, either. Pass --model with the folder or the "
            "config.json of the model, or the id of the model that a GGUF file was made of."
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


def _lengths(paths: Sequence[str], config: str, model: str) -> "RowLengths | None":
    """Return the tokens of the rows of the files; `None` if there are none.

    The tokenizer of the model counts them if it is on this machine.

    Raises:
        click.ClickException: a file has errors, which are printed to stderr.
    """
    if not paths:
        return None
    from sftc.cli.dataset_options import cores
    from sftc.cli.model_option import has_tokenizer, load_look
    from sftc.cli.progress_bar import ProgressBar
    from sftc.dataset.check_files import CheckOptions, check_files
    from sftc.dataset.chunks import Bounds
    from sftc.estimate.lengths_from_bytes import guessed
    from sftc.estimate.row_lengths import measured
    from sftc.report.terminal import render
    from sftc.tools.config_and_data import load_setup

    look = load_look(model, load_setup(config)) if has_tokenizer(model) else None
    bounds = Bounds(alone=1) if look else Bounds()
    with ProgressBar() as progress:
        results = check_files(
            paths, CheckOptions(jobs=cores(), bounds=bounds, second=look), on_read=progress.step
        )
    errors = [found for result in results for found in result.findings if found.is_error]
    if errors or not all(result.ok for result in results):
        click.echo(render(errors), err=True, nl=False)
        raise click.ClickException("the training files have errors; `sftc dataset check` shows them all.")
    lengths = (
        guessed(paths)
        if look is None
        else measured([each for path in paths for each in look.tally(path).lengths])
    )
    if not lengths.tokens:
        raise click.ClickException("no row of the training files has anything to train on.")
    return lengths


def _rate(config: "Config", run: "RunEstimate") -> "Rate | None":
    """Return what earlier jobs of the same model made on this machine, if it is what is estimated for."""
    if run.device is None or run.device.kind != "cpu":
        return None
    from sftc.cli.earlier_jobs import earlier_rate

    return earlier_rate(_model_of(config))


def _fit(
    config: "Config", run: "RunEstimate", base: "BaseNumbers", lengths: "RowLengths | None", *, write: bool
) -> None:
    """Show, or make, the least change with which the run fits its device.

    Raises:
        click.UsageError: no device is named, or the config is not a file that can be changed.
        click.ClickException: there is no such change.
    """
    from sftc.estimate.fit_run import fit_run
    from sftc.report.estimate_text import fits_then
    from sftc.report.patch import patch
    from sftc.tools.estimate_config import changed_source

    if not run.device or not run.fit:
        raise click.UsageError("name the device to fit with --device, or set `compute.gpu_type`.")
    if run.fit.word == "fits":
        click.echo(f"Nothing to do: {fits_then(run)}", err=True)
        return
    fitted = fit_run(run, base, run.device, lengths)
    if not fitted:
        raise click.ClickException(
            f"no change of the config makes the run fit {run.device.name}. Train a smaller model, or on more "
            "or larger devices."
        )
    before = config.document.source
    after = changed_source(config.document, fitted.changes)
    if after is None:
        wanted = ", ".join(each.text for each in fitted.changes)
        raise click.ClickException(f"{before.name} cannot be changed by itself; set {wanted}.")
    if write:
        if not os.path.isfile(before.name):
            raise click.UsageError("only a file can be changed: leave out --write.")
        write_files({before.name: after.text.encode()})
    else:
        write_stdout(patch([(before, after)]))
    for change in fitted.changes:
        click.echo(f"{change.text}: {change.cost}", err=True)
    click.echo(fits_then(fitted.run), err=True)
