"""`sftc chat` on a terminal, in a pipe and with files."""

import json
import os
import pty
import select
import signal
import subprocess
import termios
from pathlib import Path

import pytest
from click.testing import CliRunner

from sftc.cli import chat_command
from support import tiny_model
from support.adapters import write_adapter
from support.program import Program, awaited

pytestmark = [
    pytest.mark.measured,
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:::peft", "ignore:::transformers"),
]


@pytest.fixture
def sftc(sftc_program: str, own_folder: Path) -> Program:
    """Return the command, in a folder with a model whose answers are noise, with control characters."""
    tiny_model.write(own_folder / "model")
    return Program(sftc_program)


class Screen:
    """What a program writes to a terminal, read up to one mark after the other."""

    def __init__(self, terminal: int) -> None:
        self._terminal = terminal
        self._left = b""

    def until(self, mark: bytes) -> bytes:
        """Return what the program writes up to `mark`."""
        while mark not in self._left:
            assert select.select([self._terminal], [], [], 60)[0], self._left
            self._left += os.read(self._terminal, 65536)
        before, _, self._left = self._left.partition(mark)
        return before


def test_a_conversation_on_a_terminal(sftc: Program) -> None:
    main, terminal = pty.openpty()
    termios.tcsetwinsize(terminal, (24, 80))
    command = [sftc.path, "chat", "model", "--max-tokens", "220"]
    screen = Screen(main)
    with awaited(subprocess.Popen(command, stdin=terminal, stdout=terminal, stderr=terminal)) as process:
        os.close(terminal)
        screen.until(b"type a question, or /help\r\n")
        screen.until(b"> ")
        os.write(main, b"/help\n")
        screen.until(b"/system TEXT")
        screen.until(b"> ")
        os.write(main, ("x" * 300).encode() + b"\n")
        screen.until(b"the model reads 256, its answer included; /clear begins a new conversation\r\n")
        screen.until(b"> ")
        os.write(main, b"What?\n")
        screen.until(b"after")
        process.send_signal(signal.SIGINT)
        screen.until(b"stopped; the question is not a part of the conversation\r\n")
        screen.until(b"> ")
        os.write(main, b"/system Be brief.\n/clear\n\n/exit\n")
        assert process.wait(60) == 0
    os.close(main)


@pytest.mark.parametrize("columns", [80, 40])
def test_both_answers_are_side_by_side_on_a_wide_terminal(sftc: Program, columns: int) -> None:
    write_adapter(Path("model"), Path("adapter"))
    main, terminal = pty.openpty()
    termios.tcsetwinsize(terminal, (24, columns))
    command = [sftc.path, "chat", "adapter", "--max-tokens", "60"]
    kept = {name: value for name, value in os.environ.items() if name not in {"COLUMNS", "LINES"}}
    environment = kept | {"TERM": "xterm"}
    screen = Screen(main)
    with awaited(
        subprocess.Popen(command, stdin=terminal, stdout=terminal, stderr=terminal, env=environment)
    ) as process:
        os.close(terminal)
        screen.until(b"> ")
        os.write(main, b"What?\n")
        screen.until(b"before")
        termios.tcsetwinsize(main, (10, 30))  # between the answers
        before = screen.until(b"after")
        assert (b"\x1b[41C" in before) is (columns == 80)
        screen.until(b"> ")
        os.write(main, b"/exit\n")
        assert process.wait(60) == 0
    os.close(main)


def test_each_line_of_a_pipe_is_a_question(sftc: Program) -> None:
    code, out, said = sftc("chat", "model", "--max-tokens", "40", stdin=b"What?\n\n\xff\xfe?\n")
    assert code == 0, said
    assert out.count("after   ") == 2
    assert all(char.isprintable() or char == "\n" for char in out)


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--prompt", "x" * 300], "Error: the conversation has 319 tokens, and the model reads 256"),
        (["--file", "gone.jsonl"], "gone.jsonl: error[unreadable-data]"),
        (["--file", "good.jsonl", "--output", "good.jsonl/x"], "good.jsonl/x: error[unwritable-output]"),
    ],
)
def test_what_is_wrong_is_said_before_the_model_is_loaded(
    sftc: Program, arguments: list[str], reason: str
) -> None:
    Path("good.jsonl").write_text('{"messages": [{"role": "user", "content": "What?"}]}\n')
    code, out, said = sftc("chat", "model", *arguments)
    assert (code, out) == (1, "")
    assert said.startswith(reason)


def test_a_base_model_that_is_gone(sftc: Program) -> None:
    write_adapter(Path("model"), Path("adapter"))
    os.rename("model", "moved")
    for command in ("chat adapter --prompt What?", "export adapter --merge --output new"):
        code, out, said = sftc(*command.split())
        assert (code, out) == (1, "")
        assert said.replace(f"{os.getcwd()}/", "") == (
            "Error: the base model of the adapter in adapter: the model model was not found: no folder has "
            "that name, and it is not in the Hugging Face cache. Get the model, or set "
            "`base_model_name_or_path` in adapter_config.json to its folder.\n"
        )


def test_a_full_memory_is_an_error(sftc: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    def is_full(tokenizer: object) -> None:
        raise MemoryError

    monkeypatch.setattr(chat_command, "_load", is_full)  # no small model fills a memory
    run = CliRunner().invoke(chat_command.chat_command, ["model", "--prompt", "What?"])
    assert run.exit_code == 1
    assert run.stderr == "Error: out of memory: lower --max-tokens, or use a larger machine.\n"


def test_a_file_is_answered_whole_or_not_at_all(sftc: Program) -> None:
    good, bad = Path("good.jsonl"), Path("bad.jsonl")
    row = json.dumps({"messages": [{"role": "user", "content": "What?"}]})
    good.write_text(f"{row}\n{row}\n")
    bad.write_text(f"{row}\n{{}}\n")
    answers = Path("answers.jsonl")
    code, out, said = sftc("chat", "model", "--file", "bad.jsonl", "--output", "answers.jsonl")
    assert (code, out) == (1, "")
    assert said.startswith("bad.jsonl:2")
    assert not answers.exists()
    code, _, said = sftc("chat", "model", "--file", "good.jsonl", "--output", "./good.jsonl")
    assert code == 2
    assert "--output would replace the rows of --file: name another file." in said
    options = ["--file", "good.jsonl", "--output", "answers.jsonl", "--max-tokens", "40"]
    code, out, said = sftc("chat", "model", *options)
    assert (code, out) == (0, ""), said
    assert "2 answers in answers.jsonl" in said
    [first, second] = answers.read_text().splitlines()
    assert first == second
    answer = json.loads(first)["messages"][-1]
    assert answer["role"] == "assistant"
    assert any(char < " " for char in answer["content"])  # as it is: JSON escapes it
    code, out, said = sftc("chat", "model", *options, "--output", "-")
    assert (code, out) == (0, answers.read_text()), said


def test_options_that_exclude_each_other_are_wrong_usage(sftc: Program) -> None:
    for options in (["--file", "a", "--prompt", "b"], ["--file", "a", "--system", "b"], ["--output", "a"]):
        assert sftc("chat", "model", *options)[0] == 2
