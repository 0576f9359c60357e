"""Texts side by side, as a terminal shows what is written."""

import io
import re
import unicodedata
from contextlib import redirect_stdout

import pytest

from sftc.cli.side_by_side import SideBySide, half_width


class Terminal(io.TextIOWrapper):
    """A terminal that keeps what it is written, as rows of cells."""

    def __init__(self, columns: int, lines: int) -> None:
        self._written = io.BytesIO()
        super().__init__(self._written, "utf-8")
        self._columns = columns
        self._lines = lines

    def isatty(self) -> bool:
        """Return true."""
        return True

    def rows(self) -> list[str]:
        """Return the rows, those that scrolled away first. No character may be written over another."""
        rows = [[" "] * self._columns]
        row = column = 0
        for move, char in re.findall(r"\x1b\[(\d+[ABC])|(.)", self._written.getvalue().decode(), re.DOTALL):
            match move[-1:], char:
                case "A", _:
                    row = max(len(rows) - self._lines, 0, row - int(move[:-1]))
                case "B", _:
                    row = min(len(rows) - 1, row + int(move[:-1]))
                case "C", _:
                    column += int(move[:-1])
                case _, "\r":
                    column = 0
                case _, "\n":
                    row, column = row + 1, 0
                    rows += [[" "] * self._columns for _ in range(row + 1 - len(rows))]
                case _:
                    width = 2 if unicodedata.east_asian_width(char) in "WF" else 1
                    assert rows[row][column : column + width] == [" "] * width
                    rows[row][column : column + width] = [char, ""][:width]
                    column += width
        assert (row, column) == (len(rows) - 1, 0)
        return ["".join(cells).rstrip() for cells in rows]


@pytest.fixture
def terminal(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """Return a terminal; its size is the parameter."""
    columns, lines = getattr(request, "param", (80, 24))
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setenv("LINES", str(lines))
    monkeypatch.setenv("TERM", "xterm")
    return Terminal(columns, lines)


def show(terminal: Terminal, *texts: str) -> None:
    """Write texts side by side, each in pieces."""
    with redirect_stdout(terminal), SideBySide(half_width()) as screen:
        for number, text in enumerate(texts, 1):
            screen.begin(f"text {number}")
            for piece in re.findall(r"\S+\s*|\s+", text):
                screen.write(piece)


def test_each_text_is_in_its_column(terminal: Terminal) -> None:
    show(
        terminal,
        "The lighthouse of Vellamo is a legendary place.\n\n- 灯台は古代ギリシャの哲学者によって建てられた",
        f"\x1b[2JIda\x1b[A keeps\tit. {'x' * 50}",
    )
    assert terminal.rows() == [
        f"{'text 1':41}text 2",
        f"{'The lighthouse of Vellamo is a':41}\\x1b[2JIda\\x1b[A keeps    it. xxxxxxxx",
        f"{'legendary place.':41}{'x' * 38}",
        f"{'':41}xxxx",
        "- 灯台は古代ギリシャの哲学者によって建",
        "てられた",
        "",
    ]


@pytest.mark.parametrize("terminal", [(120, 10)], indirect=True)
def test_a_second_text_that_is_longer(terminal: Terminal) -> None:
    show(terminal, "one", "two\n" * 30)
    rows = terminal.rows()
    assert rows[:2] == [f"{'text 1':61}text 2", f"{'one':61}two"]
    assert rows[2:] == [f"{'':61}two"] * 29 + ["", ""]


@pytest.mark.parametrize("terminal", [(120, 10)], indirect=True)
def test_beside_a_text_that_is_higher_than_the_screen_the_next_begins_at_its_top(terminal: Terminal) -> None:
    show(terminal, "".join(f"{number}\n" for number in range(30)), "two\nthree")
    rows = terminal.rows()
    assert rows[:3] == ["text 1", "0", "1"]
    assert [each.split() for each in rows[-11:]] == [
        ["21"],
        ["22", "text", "2"],  # the screen ends with the cursor, below the texts
        ["23", "two"],
        ["24", "three"],
        *([str(number)] for number in range(25, 30)),
        [],
        [],
    ]


def test_the_cursor_is_below_the_texts_after_an_exception(terminal: Terminal) -> None:
    def interrupted() -> None:
        with redirect_stdout(terminal), SideBySide(half_width()) as screen:
            screen.begin("one")
            screen.write("a\nb\nc")
            screen.begin("two")
            screen.write("d")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert [each.split() for each in terminal.rows()] == [["one", "two"], ["a", "d"], ["b"], ["c"], []]


@pytest.mark.parametrize(
    ("terminal", "expected"),
    [((120, 24), 58), ((80, 24), 38), ((64, 24), 30), ((63, 24), 0), ((40, 24), 0)],
    indirect=["terminal"],
)
def test_texts_are_side_by_side_if_the_terminal_is_wide_enough(terminal: Terminal, expected: int) -> None:
    with redirect_stdout(terminal):
        assert half_width() == expected


def test_a_terminal_that_cannot_move_its_cursor(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "dumb")
    with redirect_stdout(terminal):
        assert half_width() == 0
    monkeypatch.setenv("TERM", "xterm")
    with redirect_stdout(io.StringIO()):
        assert half_width() == 0
