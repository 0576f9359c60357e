"""`sftc dataset stats`: print statistics of training files."""

from collections.abc import Sequence
from os.path import splitext

import click

from sftc.cli.dataset_options import expand_data_files, jobs_option
from sftc.cli.options import table_option
from sftc.cli.output import write_files, write_stdout
from sftc.cli.progress_bar import ProgressBar

PICTURES = (".svg", ".png")


@click.command("stats")
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@table_option
@click.option("--plot", metavar="PICTURE", help="Also draw a chart to this file, .svg or .png.")
@jobs_option
def stats_command(files: Sequence[str], format: str, plot: str | None, jobs: int) -> None:
    """Describe training files: rows, messages, lengths, tools, images, scripts.

    Tokens are an estimate: a quarter of the UTF-8 bytes of text. Percentiles have three digits.
    """
    if plot is not None and splitext(plot)[1] not in PICTURES:
        raise click.UsageError(f"--plot writes {' or '.join(PICTURES)}.")
    from sftc.dataset.describe_file import describe_file
    from sftc.dataset.streams import UnreadableError
    from sftc.report.statistics import statistics_json, statistics_table
    from sftc.report.terminal import printable

    with ProgressBar() as progress:
        tallies = {}
        for path in expand_data_files(files):
            try:
                tallies[path] = describe_file(path, jobs, progress.step)
            except UnreadableError as error:
                raise click.ClickException(f"{printable(path)} {error}.") from error
    write_stdout((statistics_json if format == "json" else statistics_table)(tallies))
    if plot is not None:
        from sftc.report.charts import statistics_chart

        write_files({plot: statistics_chart(tallies, splitext(plot)[1][1:])})
