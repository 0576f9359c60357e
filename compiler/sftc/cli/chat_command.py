"""`sftc chat`: chat with a model that was trained on this machine."""

import os
import sys
from collections.abc import Iterator
from io import TextIOWrapper
from typing import TYPE_CHECKING, Final

import click

from sftc.cli.connection import say
from sftc.cli.exits import FINDINGS
from sftc.cli.output import is_colored, write_files, write_stdout
from sftc.cli.side_by_side import SideBySide, half_width
from sftc.cli.trained_folder import trained_folder
from sftc.report.terminal import printable_lines
from sftc.text.plural import counted
from sftc.text.source import STDIN, escaped

if TYPE_CHECKING:
    from sftc.training.chat import Chat
    from sftc.training.inference import TrainedModel
    from sftc.training.trained_tokenizer import TrainedTokenizer

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
    from sftc.service.executor import FailedError
    from sftc.training.chat import Chat
    from sftc.training.conversation import UnspeakableError
    from sftc.training.machine import out_of_memory
    from sftc.training.trained_tokenizer import TooLongError, TrainedTokenizer

    try:
        tokenizer = TrainedTokenizer(folder)
        with_base = base and tokenizer.is_adapter
        if path is not None:
            _answer_file(path, output, tokenizer, max_tokens, with_base=with_base)
        else:
            chat = Chat(tokenizer, max_tokens, escaped(system))
            _answer_questions(chat, prompt, with_base=with_base)
    except (FailedError, UnspeakableError, TooLongError) as error:
        raise click.ClickException(f"{error}.") from error
    except (MemoryError, RuntimeError) as error:
        if not out_of_memory(error):
            raise
        raise click.ClickException("out of memory: lower --max-tokens, or use a larger machine.") from error


def _load(tokenizer: "TrainedTokenizer") -> "TrainedModel":
    """Load the model. What can be refused without it is refused before."""
    from sftc.training.inference import TrainedModel

    say(f"loading {tokenizer.folder}")
    return TrainedModel(tokenizer)


def _is_same(path: str, output: str) -> bool:
    """Return whether two names are of one file."""
    try:
        return os.path.samefile(path, output)
    except OSError:  # one is not there yet, or `-`
        return False


def _answer_file(
    path: str, output: str | None, tokenizer: "TrainedTokenizer", most: int, *, with_base: bool
) -> None:
    """Write the answered rows of a file, all of them or none."""
    from sftc.report.terminal import render, summary
    from sftc.training.answer_file import answer_questions, read_questions

    questions, errors = read_questions(path, tokenizer)
    if errors:
        click.echo(f"{render(errors)}{summary(errors)}", err=True)
        sys.exit(FINDINGS)

    def answered() -> Iterator[bytes]:  # loads the model once the output has been opened
        yield from answer_questions(questions, _load(tokenizer), most, with_base=with_base)

    if output in {None, STDIN}:
        for row in answered():
            write_stdout(row)
        return
    write_files({str(output): answered()})
    say(f"{counted(len(questions), 'answer')} in {output}")


def _answer_questions(chat: "Chat", prompt: str | None, *, with_base: bool) -> None:
    """Answer the question of `--prompt`, or those of stdin, which may be a terminal."""
    if isinstance(sys.stdin, TextIOWrapper):
        sys.stdin.reconfigure(errors="replace")
    if prompt is None and sys.stdin and sys.stdin.isatty():
        _converse(chat, _load(chat.tokenizer), with_base=with_base)
        return
    model = None
    for question in [prompt] if prompt is not None else _piped():
        chat.ask(escaped(question))
        model = model or _load(chat.tokenizer)
        _answer(chat, model, with_base=with_base)


def _converse(chat: "Chat", model: "TrainedModel", *, with_base: bool) -> None:
    """Ask the questions that a person types, until the person ends it."""
    from sftc.training.conversation import UnspeakableError
    from sftc.training.trained_tokenizer import TooLongError

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
                    chat.ask(escaped(text))
                    _answer(chat, model, with_base=with_base)
                except KeyboardInterrupt:
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


def _answer(chat: "Chat", model: "TrainedModel", *, with_base: bool) -> None:
    """Show the answers to the question of a conversation, as they are generated."""
    before, after = _styled("before", dim=True), _styled("after", bold=True)
    if with_base and (width := half_width()):
        with SideBySide(width) as screen:
            screen.begin(before)
            chat.answer_of_base(model, screen.write)
            screen.begin(after)
            chat.answer(model, screen.write)
        return
    try:
        if with_base:
            write_stdout(f"{before}  ")
            chat.answer_of_base(model, _show)
            write_stdout("\n")
        write_stdout(f"{after}   ")
        chat.answer(model, _show)
    finally:
        write_stdout("\n")


def _show(text: str) -> None:
    """Show what a model says, none of which can move the cursor or hide itself."""
    write_stdout(printable_lines(text))


def _styled(text: str, **style: bool) -> str:
    """Return a text in a style if stdout is a terminal that shows it."""
    return click.style(text, **style) if is_colored(sys.stdout) else text
