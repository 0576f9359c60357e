"""`sftc chat`: chat with a model that was trained on this machine."""

import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from sftc.cli.connection import say
from sftc.cli.output import write_stdout
from sftc.cli.trained_folder import trained_folder
from sftc.report.terminal import printable

if TYPE_CHECKING:
    from sftc.training.inference import TrainedModel


@click.command("chat", short_help="Chat with a model that was trained on this machine.")
@click.argument("job")
@click.option("--prompt", metavar="TEXT", help="Question to ask. [default: each line of stdin]")
@click.option(
    "--max-tokens",
    type=click.IntRange(1),
    default=256,
    show_default=True,
    help="Maximum tokens of an answer.",
)
def chat_command(job: str, prompt: str | None, max_tokens: int) -> None:
    """Chat with a model that was trained on this machine, and compare it with its base model.

    JOB is a job of the embedded service, or the folder of a model. Both answers are shown, before and
    after training; the conversation continues with the second.
    """
    folder = trained_folder(job)
    say(f"loading {folder}")
    from sftc.service.executor import FailedError
    from sftc.training.inference import TrainedModel

    try:
        answerer = TrainedModel(folder)
    except FailedError as error:
        raise click.ClickException(f"{error}.") from error
    messages = []
    for question in [prompt] if prompt is not None else _questions():
        messages.append({"role": "user", "content": question})
        messages.append({"role": "assistant", "content": _answers(answerer, messages, max_tokens)})


def _answers(answerer: "TrainedModel", messages: list[dict[str, str]], most: int) -> str:
    after = answerer.after(messages, most)
    if answerer.has_base:
        _show(f"{click.style('before', dim=True)}  {_lines(answerer.before(messages, most))}\n")
    _show(f"{click.style('after', bold=True)}   {_lines(after)}\n")
    return after


def _show(text: str) -> None:
    write_stdout(text if sys.stdout and sys.stdout.isatty() else click.unstyle(text))


def _lines(text: str) -> str:
    return "\n".join(map(printable, text.splitlines()))


def _questions() -> Iterator[str]:
    while True:
        if sys.stdin.isatty():
            click.echo("> ", err=True, nl=False)
        if not (line := sys.stdin.readline()):
            return
        if question := line.strip():
            yield question
