"""`sftc chat`: chat with a model that was trained on this machine."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sftc.cli.connection import ServiceOptions, connected, failures, job_id, say
from sftc.cli.output import write_stdout
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
    folder = Path(job) if os.path.isdir(job) else _model(job_id(job))
    if not (folder / "tokenizer_config.json").is_file():
        raise click.ClickException(f"no model in {folder}.")
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


def _model(job: str) -> Path:
    """Return the folder of the model that a job of the embedded service trained.

    Raises:
        click.ClickException: the job has no model.
    """
    with failures(), connected(ServiceOptions("local", None, allow_insecure=False)) as connection:
        body = connection.service.get(f"jobs/{job}")
    if model := body.get("fine_tuned_model"):
        return Path(model)
    why = f": {body['error']}" if body.get("error") else ""
    raise click.ClickException(f"{job} has no model; its status is {body['status']}{why}.")


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
