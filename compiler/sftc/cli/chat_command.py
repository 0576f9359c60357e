"""`sftc chat`: chat with a model that was trained on this machine."""

import os
import sys
from collections.abc import Iterator
from io import TextIOWrapper
from typing import TYPE_CHECKING, Final

import click

from sftc.cli.connection import say
from sftc.cli.exits import FINDINGS
from sftc.cli.output import write_files, write_stdout
from sftc.cli.trained_folder import trained_folder
from sftc.report.terminal import printable_lines
from sftc.text.plural import counted
from sftc.text.source import escaped

if TYPE_CHECKING:
    from sftc.training.chat import Chat
    from sftc.training.inference import TrainedModel

_HELP: Final = """\
/clear          begin a new conversation
/system TEXT    begin a new conversation with this system prompt; without TEXT, with none
/exit           end (also Ctrl-D); Ctrl-C stops an answer
"""


@click.command("chat", short_help="Chat with a model that was trained on this machine.")
@click.argument("job")
@click.option("--prompt", metavar="TEXT", help="Question to ask. [default: each line of stdin]")
@click.option("--system", metavar="TEXT", default="", help="System prompt of the conversation.")
@click.option(
    "--file",
    "path",
    metavar="FILE",
    help="Answer the rows of a JSON Lines file, as training files have them.",
)
@click.option("--output", metavar="FILE", help="File for the answered rows of --file. [default: stdout]")
@click.option(
    "--base/--no-base", default=True, show_default=True, help="Also show the answers of the base model."
)
@click.option(
    "--max-tokens",
    type=click.IntRange(1),
    default=256,
    show_default=True,
    help="Maximum tokens of an answer.",
)
def chat_command(
    job: str,
    prompt: str | None,
    system: str,
    path: str | None,
    output: str | None,
    base: bool,
    max_tokens: int,
) -> None:
    """Chat with a model that was trained on this machine, and compare it with its base model.

    JOB is a job of the embedded service, or the folder of a model. Both answers are shown, before and
    after training; the conversation continues with the second. On a terminal, /help lists the commands.
    """
    if path is not None and (prompt is not None or system):
        raise click.UsageError("--file has its own prompts: leave out --prompt and --system.")
    if output is not None and path is None:
        raise click.UsageError("--output needs --file.")
    if path is not None and output is not None and _is_same(path, output):
        raise click.UsageError("--output would replace the rows of --file: name another file.")
    folder = trained_folder(job)
    say(f"loading {folder}")
    from sftc.service.executor import FailedError
    from sftc.training.inference import TrainedModel

    try:
        model = TrainedModel(folder)
    except FailedError as error:
        raise click.ClickException(f"{error}.") from error
    with_base = base and model.has_base
    if path is not None:
        _answer_file(path, output, model, max_tokens, with_base=with_base)
        return
    from sftc.training.chat import Chat
    from sftc.training.conversation import UnspeakableError
    from sftc.training.inference import TooLongError

    chat = Chat(model, max_tokens, escaped(system))
    if isinstance(sys.stdin, TextIOWrapper):
        sys.stdin.reconfigure(errors="replace")
    if prompt is None and sys.stdin and sys.stdin.isatty():
        _converse(chat, with_base=with_base)
        return
    try:
        for question in [prompt] if prompt is not None else _piped():
            _ask(chat, question, with_base=with_base)
    except (UnspeakableError, TooLongError) as error:
        raise click.ClickException(f"{error}.") from error


def _is_same(path: str, output: str) -> bool:
    """Return whether two names are of one file."""
    try:
        return os.path.samefile(path, output)
    except OSError:  # one is not there yet, or `-`
        return False


def _answer_file(path: str, output: str | None, model: "TrainedModel", most: int, *, with_base: bool) -> None:
    """Write the answered rows of a file, all of them or none."""
    from sftc.report.terminal import render, summary
    from sftc.training.answer_file import answer_questions, read_questions

    questions, errors = read_questions(path, model)
    if errors:
        click.echo(f"{render(errors)}{summary(errors)}", err=True)
        sys.exit(FINDINGS)
    rows = answer_questions(questions, model, most, with_base=with_base)
    if output is None:
        for row in rows:
            write_stdout(row)
        return
    write_files({output: rows})
    say(f"{counted(len(questions), 'answer')} in {output}")


def _converse(chat: "Chat", *, with_base: bool) -> None:
    """Ask the questions that a person types, until the person ends it."""
    from sftc.training.conversation import UnspeakableError
    from sftc.training.inference import TooLongError

    say("type a question, or /help")
    while (text := _typed()) is not None:
        command, _, rest = text.partition(" ")
        match command:
            case "":
                continue
            case "/exit":
                return
            case "/clear":
                chat.begin(chat.system)
            case "/system":
                chat.begin(rest.strip())
            case _ if command.startswith("/"):
                click.echo(_HELP, err=True, nl=False)
            case _:
                try:
                    _ask(chat, text, with_base=with_base)
                except KeyboardInterrupt:
                    write_stdout("\n")
                    say("stopped; the question is not a part of the conversation")
                except TooLongError as error:
                    say(f"{error}; /clear begins a new conversation")
                except UnspeakableError as error:
                    say(str(error))


def _typed() -> str | None:
    """Return the line that a person types, `None` at the end of input."""
    if not (sys.stdout and sys.stdout.isatty()):  # `input` would write its prompt there
        click.echo("> ", err=True, nl=False)
        return line.strip() if (line := sys.stdin.readline()) else None
    import readline  # noqa: F401  gives `input` a history and an editor

    try:
        return input("> ").strip()
    except EOFError:
        write_stdout("\n")
        return None


def _piped() -> Iterator[str]:
    """Yield the lines of stdin that are not blank."""
    return (text for line in sys.stdin or () if (text := line.strip()))


def _ask(chat: "Chat", question: str, *, with_base: bool) -> None:
    """Show the answers to a question, as they are generated."""
    chat.ask(escaped(question))
    if with_base:
        _show(f"{click.style('before', dim=True)}  ")
        chat.answer_of_base(_show_text)
        _show("\n")
    _show(f"{click.style('after', bold=True)}   ")
    chat.answer(_show_text)
    _show("\n")


def _show_text(text: str) -> None:
    """Show what a model says, none of which can move the cursor or hide itself."""
    write_stdout(printable_lines(text))


def _show(text: str) -> None:
    colored = sys.stdout and sys.stdout.isatty() and not os.environ.get("NO_COLOR")
    write_stdout(text if colored else click.unstyle(text))
