"""The tokens of the rows of training files: as a tokenizer gave them, or within bounds, from their bytes."""

from collections.abc import Iterable, Sequence
from typing import Any, Final, NamedTuple

import orjson

from sftc.dataset.advice import texts
from sftc.dataset.chunks import BOM
from sftc.dataset.length import BYTES_A_TOKEN
from sftc.dataset.sample import head
from sftc.estimate.interval import Interval, exactly

_BYTES: Final = 4
"""The bytes of text of a token, expected: English has about that."""

_MARKS: Final = 5
"""The tokens that a chat template writes around a message, expected."""


class RowLengths(NamedTuple):
    """The tokens of each row of training files.

    Attributes:
        tokens: the tokens of each row, as expected.
        share: what they may be, as a share of these.
        source: how they are known, as people read it.
    """

    tokens: Sequence[int]
    share: Interval
    source: str

    @property
    def is_measured(self) -> bool:
        """Whether the tokenizer of the model gave them."""
        return self.share.low == self.share.high

    @property
    def longest(self) -> Interval:
        """The tokens of the longest row."""
        return self.share.times(max(self.tokens))

    def scaled(self, share: float, limit: int) -> list[int]:
        """Return the tokens of each row at a share of what is expected, cut at `limit`; 0 cuts none."""
        found = (max(1, round(share * tokens)) for tokens in self.tokens)
        return [min(tokens, limit) if limit else tokens for tokens in found]


def measured(tokens: Sequence[int]) -> RowLengths:
    """Return the lengths of rows whose tokens are known."""
    return RowLengths(
        tokens, exactly(1.0), "tokens as the chat template and the tokenizer of the model give them"
    )


def guessed(paths: Iterable[str]) -> RowLengths:
    """Return the lengths of the rows of files without errors, from their bytes.

    Raises:
        UnreadableError: a file cannot be read.
    """
    lines = (line for path in paths for part in head(path, None) for line in part.split(b"\n"))
    tokens = [_expected(orjson.loads(line.removeprefix(BOM))) for line in lines if line.strip()]
    share = Interval(_BYTES / BYTES_A_TOKEN, 1.0, float(_BYTES))
    said = f"tokens from bytes, since the tokenizer is not here: {_BYTES} bytes a token, 1 to {BYTES_A_TOKEN}"
    return RowLengths(tokens, share, said)


def _expected(row: dict[str, Any]) -> int:
    messages = row["messages"]
    size = sum(len(text.encode("utf-8", "surrogatepass")) for each in messages for _, text in texts(each))
    tools = len(orjson.dumps(row["tools"])) if row.get("tools") else 0
    return (size + tools) // _BYTES + _MARKS * len(messages)
