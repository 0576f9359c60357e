"""`sftc jobs`: manage the jobs on a service."""

import json
import shlex
import sys
import time
from os.path import splitext
from typing import TYPE_CHECKING, Any

import click

from sftc.cli.connection import (
    ServiceOptions,
    connected,
    failures,
    job_argument,
    pace,
    poll_options,
    say,
    service_options,
)
from sftc.cli.output import write_files, write_stdout
from sftc.cli.training_options import training_of, training_options
from sftc.report.tables import columns
from sftc.report.terminal import printable
from sftc.submission.answers import first, job_id_of, listed, points_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sftc.contract.service_table import Pointer
    from sftc.submission.client import ServiceClient

_PICTURES = (".svg", ".png")
_PAGE = 1000
_PAGES = 1000
_PAUSE = 0.02
"""Points of a page, maximum pages, and the pause in seconds between the requests for them."""


@click.group("jobs")
def jobs_command() -> None:
    """List, show, follow and cancel jobs on the service."""


@jobs_command.command("list")
@service_options
def list_command(**service: Any) -> None:
    """List the latest jobs."""
    with failures(), connected(ServiceOptions(**service)) as connection:
        facts = connection.service.table.job
        jobs = listed(connection.service.call(facts.listing).body, facts.listing.list) or []
    rows = [
        [
            job_id_of(job, facts) or "-",
            _said(job, facts.status),
            *(_said(job, at) for at in facts.columns.values()),
        ]
        for job in jobs
    ]
    head = ["job", "status", *facts.columns]
    write_stdout(columns([head, *rows]) if rows else "no jobs\n")


@jobs_command.command("show")
@job_argument
@service_options
def show_command(job: str, **service: Any) -> None:
    """Print a job as JSON."""
    with failures(), connected(ServiceOptions(**service)) as connection:
        body = connection.service.call(connection.service.table.job.read, {"job": job}).body
    write_stdout(f"{json.dumps(body, indent=2, ensure_ascii=False)}\n")


@jobs_command.command("follow")
@job_argument
@poll_options
@service_options
@training_options
def follow_command(job: str, poll_interval: float | None, poll_timeout: float | None, **others: Any) -> None:
    """Follow a job to its end; the exit code is its outcome."""
    from sftc.cli.watch import watch

    training = training_of(others)
    options = ServiceOptions(**others)
    with failures(), connected(options, training) as connection:
        how = pace(poll_interval, poll_timeout, is_embedded=connection.is_embedded)
        again = shlex.join(["sftc", *sys.argv[1:]]) if connection.is_embedded else options.again(job)
        watch(job, connection, how, again)


@jobs_command.command("cancel")
@job_argument
@service_options
def cancel_command(job: str, **service: Any) -> None:
    """Cancel a job."""
    with failures(), connected(ServiceOptions(**service)) as connection:
        facts = connection.service.table.job
        body = connection.service.call(facts.cancel, {"job": job}).body
    write_stdout(f"{job}: {printable(_said(body, facts.status))}\n")


@jobs_command.command("metrics")
@job_argument
@click.option("--plot", metavar="PICTURE", help="Draw the curves to this file, .svg or .png.")
@service_options
def metrics_command(job: str, plot: str | None, **service: Any) -> None:
    """Print the metrics of a job as tab-separated lines: name, step, value."""
    if plot is not None and splitext(plot)[1] not in _PICTURES:
        raise click.UsageError(f"--plot writes {' or '.join(_PICTURES)}.")
    with failures(), connected(ServiceOptions(**service)) as connection:
        points = _points(connection.service, job)
    if plot is None:
        rows = ([printable(str(each[name])) for name in ("name", "step", "value")] for each in points)
        write_stdout("".join("\t".join(row) + "\n" for row in rows))
        return
    if not points:
        click.echo(f"{printable(job)} has no metrics", err=True)
        sys.exit(1)
    from sftc.report.metric_charts import curves

    write_files({plot: curves(points, splitext(plot)[1][1:])})


def _points(service: "ServiceClient", job: str) -> list[dict[str, Any]]:
    """Return all points of a job's metrics.

    A page may end in the middle of a step, so each request starts again at the last step. A service that
    has ever more of them is asked for a million.
    """
    facts = service.table.metrics
    if not facts:
        raise click.UsageError("this service has no request for the metrics of a job.")
    points: dict[tuple[str, int], dict[str, Any]] = {}
    step = before = -1
    for _ in range(_PAGES):
        values = {"job": job, "step": str(max(step, 0)), "before": str(step - 1), "limit": str(_PAGE)}
        page = listed(service.call(facts.call, values).body, facts.call.list)
        for each in points_of(page or (), facts):
            if isinstance(each["value"], int | float):
                points[each["name"], each["step"]] = each
                step = max(step, each["step"])
        if step == before:
            return list(points.values())
        before = step
        time.sleep(_PAUSE)
    say(f"warning: the metrics of {job} do not end; these are the first {len(points):,} points")
    return list(points.values())


def _said(body: dict[str, Any], places: "Iterable[Pointer]") -> str:
    """Return the first value at one of `places` of a job's description."""
    return str(first(body, places) or "-")
