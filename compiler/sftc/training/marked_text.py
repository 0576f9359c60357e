"""A text with marks in it, and what it shows of where the texts of a conversation are."""

from collections.abc import Mapping
from itertools import groupby
from typing import NamedTuple

from sftc.training.conversation import RARE, Piece


class MarkPlace(NamedTuple):
    """A mark in a text: its position, the text that it is for, and whether it is there for the first time."""

    position: int
    piece: Piece
    first: bool


class MessagePlace(NamedTuple):
    """The text of a message: its start and end, the end of the text before it, the start of the next."""

    before: int
    start: int
    end: int
    after: int


class MarkedText:
    """A rendered text without its marks, and their places.

    Args:
        marked: the text with its marks.
        owners: the text of a conversation that each mark is for.

    Attributes:
        text: the text without its marks.
        places: the places of the marks in it, in order.
        seen: the texts of the conversation that are in it.
    """

    def __init__(self, marked: str, owners: Mapping[str, Piece]) -> None:
        seen: set[str] = set()
        self.places: list[MarkPlace] = []
        for found in RARE.finditer(marked):
            if owner := owners.get(found[0]):
                self.places.append(MarkPlace(found.start() - len(self.places), owner, found[0] not in seen))
                seen.add(found[0])
        self.text = RARE.sub(lambda found: "" if found[0] in owners else found[0], marked)
        self.seen = {owners[mark] for mark in seen}

    @property
    def tail(self) -> str:
        """The text after the last mark."""
        return self.text[self.places[-1].position if self.places else 0 :]

    def after(self, message: MessagePlace) -> str:
        """Return the text between a message and the next one."""
        return self.text[message.end : message.after]

    def messages(self) -> dict[int, MessagePlace]:
        """Return the first place of each message in the text. Repetitions of a text do not count."""
        made: dict[int, MessagePlace] = {}
        for message, group in groupby(enumerate(self.places), lambda each: each[1].piece.message):
            fresh = [number for number, place in group if place.first]
            if fresh and message not in made:
                made[message] = MessagePlace(
                    self._position(fresh[0] - 1),
                    self._position(fresh[0]),
                    self._position(fresh[-1]),
                    self._position(fresh[-1] + 1),
                )
        return made

    def _position(self, number: int) -> int:
        """Return the position of a mark, or the start or the end of the text beyond the first and last."""
        if number < 0:
            return 0
        return self.places[number].position if number < len(self.places) else len(self.text)
