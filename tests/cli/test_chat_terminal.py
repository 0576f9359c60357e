"""`sftc chat` on a terminal, in a pipe and with files."""

import json
import os
import pty
import select
import signal
import subprocess
from pathlib import Path

import pytest

from support import tiny_model
from support.program import Program

pytestmark = [pytest.mark.measured, pytest.mark.slow]


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
    command = [sftc.path, "chat", "model", "--max-tokens", "220"]
    screen = Screen(main)
    with subprocess.Popen(command, stdin=terminal, stdout=terminal, stderr=terminal) as process:
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


def test_each_line_of_a_pipe_is_a_question(sftc: Program) -> None:
    code, out, said = sftc("chat", "model", "--max-tokens", "40", stdin=b"What?\n\n\xff\xfe?\n")
    assert code == 0, said
    assert out.count("after   ") == 2
    assert all(char.isprintable() or char == "\n" for char in out)
    code, _, said = sftc("chat", "model", "--prompt", "x" * 300)
    assert code == 1
    assert "Error: the conversation has" in said


def test_a_file_is_answered_whole_or_not_at_all(sftc: Program) -> None:
    good, bad = Path("good.jsonl"), Path("bad.jsonl")
    row = json.dumps({"messages": [{"role": "user", "content": "What?"}]})
    good.write_text(f"{row}\n{row}\n")
    bad.write_text(f"{row}\n{{}}\n")
    answers = Path("answers.jsonl")
    code, out, said = sftc("chat", "model", "--file", "bad.jsonl", "--output", "answers.jsonl")
    assert (code, out) == (1, "")
    assert "bad.jsonl:2" in said
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


def test_options_that_exclude_each_other_are_wrong_usage(sftc: Program) -> None:
    for options in (["--file", "a", "--prompt", "b"], ["--file", "a", "--system", "b"], ["--output", "a"]):
        assert sftc("chat", "model", *options)[0] == 2
