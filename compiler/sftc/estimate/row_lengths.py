"""The tokens of the rows of training files."""

from collections.abc import Sequence
from typing import NamedTuple

from sftc.estimate.interval import Interval, exactly


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
