"""The marks of a rendered text show where its messages are."""

from sftc.training.conversation import Piece
from sftc.training.marked_text import MarkedText, MessagePlace

CODES = iter(range(0x20000, 0x20100))
OWNERS: dict[str, Piece] = {}


def marked(text: str, message: int, kind: str = "text") -> str:
    """Return a text between two marks of its own."""
    first, last = (chr(next(CODES)) for _ in range(2))
    OWNERS.update(dict.fromkeys((first, last), Piece(message, kind, 0)))
    return f"{first}{text}{last}"


def test_a_message_is_where_it_is_first() -> None:
    question, answer, call = marked("why", 0), marked("so", 1), marked("look", 1, "call")
    late = marked("because", 0, "thought")
    other = chr(0x30000)  # a character of the text, and no mark
    text = MarkedText(f"<u>{question}<a>{answer}:{call}<u>{late}{question}{other}", OWNERS)
    assert text.text == f"<u>why<a>so:look<u>becausewhy{other}"
    assert text.messages() == {0: MessagePlace(0, 3, 6, 9), 1: MessagePlace(6, 9, 16, 19)}
    assert text.after(text.messages()[1]) == "<u>"
    assert text.tail == other
    assert text.seen == {*OWNERS.values()}
