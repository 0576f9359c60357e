"""`sftc train`: compile a config, check its data, submit the job and follow it."""

import os
import shlex
import sys
from collections.abc import Iterable
from contextlib import ExitStack
from glob import glob
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from sftc.checks.config import Config
from sftc.checks.rules import refusals
from sftc.checks.rules.data import training_files, validation_file
from sftc.checks.rules.model import MODEL
from sftc.checks.rules.run import sequence_length
from sftc.cli.connection import (
    ServiceOptions,
    connected,
    failures,
    key_option,
    pace,
    poll_options,
    say,
    service_options,
)
from sftc.cli.data_files import DataOptions, prepare_files
from sftc.cli.exits import FINDINGS
from sftc.cli.options import check_offline_model, offline_model_option
from sftc.cli.output import write_stdout
from sftc.cli.preflight_checks import check_limits, check_version, preflight_option, stop
from sftc.cli.training_options import training_of, training_options
from sftc.document.overrides import Override
from sftc.document.reading import read_source
from sftc.findings.finding import Finding, Severity, in_order
from sftc.findings.stage_rules.services import BEYOND_LIMIT
from sftc.payload.encoding import to_bytes
from sftc.pipeline import Compiled, run
from sftc.text.keys import dotted, pointer
from sftc.tools.lint import model_findings
from sftc.tools.provenance import provenance

if TYPE_CHECKING:
    from sftc.cli.connection import Connection
    from sftc.cli.data_files import Prepared
    from sftc.cli.training_options import TrainingOptions
    from sftc.submission.failures import RefusedError
    from sftc.submission.preflight import Excess
    from sftc.submission.submit import Order


class _Files(NamedTuple):
    training: list[str]
    validation: str | None


@click.command("train", short_help="Compile a config, check its data, submit the job and follow it.")
@click.option(
    "--type", type=click.Choice(["sft"]), default="sft", show_default=True, help="Kind of training."
)
@click.option("--config", required=True, metavar="CONFIG", help="TOML config.")
@click.option("--dataset", metavar="FILE", help="Training file; overrides `job.data`.")
@click.option(
    "--examples", type=click.IntRange(1), metavar="N", help="Send only the first N rows of each file."
)
@click.option("--model", metavar="MODEL", help="Base model; overrides `job.model`.")
@offline_model_option
@click.option(
    "--dry-run",
    "is_dry_run",
    is_flag=True,
    help="Show the payload and the requests; send nothing, and need no key.",
)
@click.option(
    "--format",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="With --dry-run: print text, or everything as JSON.",
)
@key_option
@preflight_option
@click.option("--poll/--no-poll", default=True, help="Follow the job to its end, or exit when it is started.")
@poll_options
@service_options
@training_options
def train_command(
    type: str,
    config: str,
    dataset: str | None,
    examples: int | None,
    model: str | None,
    offline_model: str | None,
    is_dry_run: bool,
    format: str,
    idempotency: str | None,
    preflight: bool,
    poll: bool,
    poll_interval: float | None,
    poll_timeout: float | None,
    **others: Any,
) -> None:
    """Compile a config, check its data, submit the job and follow it to its end.

    The same command run again attaches to the same job. A job that failed or was cancelled is tried
    again as a new job.

    Exit codes: 0 the job succeeded, or was started with --no-poll; 1 findings stop the command;
    2 wrong usage; 3 the service refuses the job; 4 the service cannot be reached, or took too long;
    5 the job failed; 6 the job was cancelled.
    """
    training = training_of(others)
    options = ServiceOptions(**others)
    if format != "text" and not is_dry_run:
        raise click.UsageError("--format needs --dry-run.")
    if not is_dry_run:
        options.named() if poll else options.stays()
    overrides = [Override.of(MODEL.key, model)] if model is not None else []
    compiled = run(lambda: read_source(config), overrides, target=options.target)
    certain = {rule.id for rule in refusals.RULES} if preflight else set[str]()
    is_refused = any(found.id in certain for found in compiled.findings)
    if offline_model:
        check_offline_model(offline_model)
    about_model = list(model_findings(compiled.config, offline_model)) if compiled.config else []
    findings = in_order([*compiled.findings, *about_model])
    _show([found for found in findings if found.severity is not Severity.NOTE])
    if not compiled.ok or is_refused or any(found.is_error for found in about_model):
        say(
            "the service is certain to refuse this job; nothing was sent (--no-preflight sends it)"
            if compiled.ok and is_refused
            else "nothing was sent"
        )
        sys.exit(FINDINGS)
    compiled.digest  # noqa: B018  raises for a number without an exact form, before anything is sent
    with ExitStack() as stack:
        files = _files(compiled, dataset, options)
        checks = options if preflight else None
        wanted = DataOptions(examples, sequence_length(compiled.checked), checks)
        data = prepare_files(files.training, files.validation, stack, wanted)
        from sftc.submission.submit import Order

        order = Order(
            compiled.payload,
            data.training,
            data.validation,
            idempotency,
            not preflight,
            provenance(compiled) if options.is_embedded else None,
        )
        if is_dry_run:
            from sftc.report.dry_run_report import dry_run_json, dry_run_text
            from sftc.submission.dry_run import dry_run

            plan = dry_run(order, options.table, *options.address())
            if format == "json":
                write_stdout(dry_run_json(plan, compiled))
            else:
                write_stdout(to_bytes(compiled.payload))
                click.echo(dry_run_text(plan), err=True, nl=False)
            return
        options.check_secrets(compiled.payload)
        if preflight:
            _check_files(compiled, offline_model, data, options, training)
        stack.enter_context(failures())
        connection = stack.enter_context(connected(options, training))
        _check_options(connection, training)
        if preflight:
            _ask_service(compiled, connection)
        job = _submit(order, connection, compiled.checked)
        write_stdout(f"{job}\n")
        if poll:
            from sftc.cli.watch import watch

            again = _command() if connection.is_embedded else options.again(job)
            watch(
                job,
                connection,
                pace(poll_interval, poll_timeout, is_embedded=connection.is_embedded, is_new=True),
                again,
            )


def _submit(order: "Order", connection: "Connection", config: Config) -> str:
    """Return the id of the job of an order. Prints what can be done after a refusal or Ctrl-C."""
    from sftc.cli.watch import bar
    from sftc.submission.failures import RefusedError
    from sftc.submission.submit import Submission

    try:
        return Submission(connection.service, connection.journal, say, bar("upload")).submit(order)
    except RefusedError as error:
        _explain(error, config)
        raise
    except KeyboardInterrupt:
        say(f"interrupted; to resume, run: {_command()}")
        raise


def _command() -> str:
    return shlex.join(["sftc", *sys.argv[1:]])


def _ask_service(compiled: Compiled, connection: "Connection") -> None:
    """Exit if the service says that it ignores keys of the payload, or refuses values."""
    check_version(compiled.payload, connection.service)
    check_limits(compiled.payload, connection.service, lambda found: _show_excesses(found, compiled))


def _check_memory(config: Config, model: str | None, path: str) -> None:
    """Show if the run may need more memory than its device has, and exit if that is certain.

    The rows of the training file are looked at only if the run does not fit with rows as long as they may be.

    Args:
        config: the config, without errors.
        model: the folder of its base model, if it is named.
        path: the training file.
    """
    from sftc.checks.suppressions import not_suppressed
    from sftc.estimate.lengths_from_bytes import guessed
    from sftc.findings.stage_rules.estimates import FITS_BARELY, WILL_NOT_FIT
    from sftc.tools.estimate_config import estimate_config

    shown = {WILL_NOT_FIT.id, FITS_BARELY.id}
    if not any(found.id in shown for found in estimate_config(config, model).findings):
        return
    findings, certain = estimate_config(config, model, guessed([path]))
    memory = [found for found in findings if found.id in shown]
    judged = [found._replace(severity=Severity.ERROR) if certain else found for found in memory]
    _show(not_suppressed(config.document, judged))
    if certain:
        stop()


def _check_files(
    compiled: Compiled,
    model: str | None,
    data: "Prepared",
    options: ServiceOptions,
    training: "TrainingOptions",
) -> None:
    """Exit if the run cannot fit its device, or the embedded service is to train and a row is refused.

    Other services choose the devices themselves.
    """
    if options.target is None:
        _check_memory(compiled.checked, model, data.training.path)
    if options.is_embedded:
        from sftc.cli.row_preflight import check_rows

        name = str(compiled.payload["model"])
        check_rows(name, training.models_dir, (data.training, data.validation))


def _check_options(connection: "Connection", training: "TrainingOptions") -> None:
    """Refuse training options that the running embedded service was not started with."""
    if connection.address and connection.address.options != training.arguments():
        begun = shlex.join(connection.address.options) or "no training options"
        raise click.UsageError(
            f"the embedded service is already running, with {begun}: pass the same options, or end it."
        )


def _show(findings: list[Finding]) -> None:
    if findings:
        from sftc.report.terminal import render, summary

        click.echo(f"{render(findings)}{summary(findings)}", err=True)


def _files(compiled: Compiled, dataset: str | None, options: ServiceOptions) -> _Files:
    from sftc.submission.submit import needs_validation

    config = compiled.checked
    training = ([dataset] if dataset else training_files(config)) or [_asked()]
    validation = validation_file(config)
    is_needed = needs_validation(compiled.payload, options.table)
    if validation and is_needed is False:
        say(f"the job does not evaluate: {validation} is not sent")
        validation = None
    if validation and not os.path.isfile(validation):
        if is_needed:
            say(f"no validation file {validation}, and the job evaluates on it; nothing was sent")
            sys.exit(FINDINGS)
        say(f"warning: no validation file {validation}; the job runs without validation")
        validation = None
    return _Files(training, validation)


def _show_excesses(found: "Iterable[Excess]", compiled: Compiled) -> None:
    """Print the values that a model does not take as findings on the keys that they come from."""
    config, findings = compiled.checked, []
    model = config.given(MODEL)
    for each in found:
        origin = compiled.origins.get(pointer(each.at))
        path = (origin and origin.path) or ()
        key = f"`{dotted(path)}`" if path else f"`{dotted(each.at)}` of the payload"
        span = (origin and origin.span) or config.document.span(path[:1])
        message = f"{key}: {each.message} that the service has for `{model}`"
        findings.append(BEYOND_LIMIT.finding(span, message, path=path, help=each.help))
    _show(in_order(findings))


def _asked() -> str:
    """Ask for the training file on a terminal."""
    if not (sys.stdin and sys.stdin.isatty()):
        raise click.UsageError("no training file: set `job.data` in the config, or pass --dataset.")
    from sftc.report.terminal import printable

    found = sorted(glob("*.jsonl") + glob("*/*.jsonl"))[:20]
    for number, path in enumerate(found, 1):
        click.echo(f"  {number}  {printable(path)}", err=True)
    answer = str(click.prompt("Training file (a path, or a number from the list)", err=True))
    return found[int(answer) - 1] if answer.isdecimal() and 0 < int(answer) <= len(found) else answer


def _explain(error: "RefusedError", config: Config) -> None:
    """Print a rejection as a finding, if the contract lists the key that prevents it."""
    for code, path in config.contract.refusals:
        if code == error.code:
            rule = refusals.BY_CODE[code]._replace(severity=Severity.ERROR)
            message = f"the service refuses the job: HTTP {error.status} `{code}`: {error.reason}"
            span = config.document.span(path[:-1], "key")
            _show([rule.finding(span, message, path=path, help=rule.act)])
