"""`sftc dataset head`: print the first rows of a training file."""

import os

import click

from sftc.cli.output import write_files, write_stdout
from sftc.text.source import STDIN


@click.command("head")
@click.argument("file")
@click.option(
    "-n",
    "number",
    type=click.IntRange(1),
    default=10,
    show_default=True,
    metavar="N",
    help="Number of rows.",
)
@click.option("-o", "--output", metavar="FILE", help="Write to this file instead of stdout.")
def head_command(file: str, number: int, output: str | None) -> None:
    """Write the first rows of a training file, byte for byte. Blank lines do not count."""
    if output and output != STDIN and os.path.realpath(output) == os.path.realpath(file):
        raise click.UsageError("the sample would overwrite the file.")
    from sftc.dataset.sample import head
    from sftc.dataset.streams import UnreadableError
    from sftc.report.terminal import printable

    try:
        rows = head(file, number)
        if output not in {None, STDIN}:
            write_files({str(output): rows})
        else:
            for piece in rows:
                write_stdout(piece)
    except UnreadableError as error:
        raise click.ClickException(f"{printable(file)} {error}.") from error
