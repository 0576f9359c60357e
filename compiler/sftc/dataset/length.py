"""Compares rows with `sequence_length`, by a limit that holds for any tokenizer in use."""

from collections.abc import Iterator
from typing import Any, Final

from sftc.dataset.advice import texts
from sftc.dataset.excerpt import Remark
from sftc.findings.stage_rules import lengths

MOST_BYTES_A_TOKEN: Final = 16
"""Upper limit of the average bytes per token over a whole row."""

USUAL_BYTES_A_TOKEN: Final = 4
"""UTF-8 bytes per token: about 4 in English and in Chinese (3 bytes per character), 3 in code."""


def most_bytes(tokens: int) -> int:
    """Return the maximum bytes of text that may fit in `tokens` tokens."""
    return tokens * MOST_BYTES_A_TOKEN


def too_long(row: dict[str, Any], tokens: int) -> Iterator[Remark]:
    """Yield a remark if the text of `row` cannot fit in `tokens` tokens."""
    total, before, first = 0, 0, None
    for index, message in enumerate(row["messages"]):
        if first is None and message["role"] == "assistant":
            first, before = index, total
        total += sum(len(text.encode("utf-8", "surrogatepass")) for _, text in texts(message))
    limit = f"`sequence_length = {tokens}`"
    rate = f"even at {MOST_BYTES_A_TOKEN} bytes per token"
    if first is not None and before > most_bytes(tokens):
        message = f"the first answer begins after {before:,} bytes of text: {rate}, that is beyond {limit}"
        yield Remark(lengths.LABELS_CUT_OFF, message, ("messages", first))
    elif total > most_bytes(tokens):
        message = f"the messages have {total:,} bytes of text: {rate}, that is too long for {limit}"
        yield Remark(lengths.ROW_CANNOT_FIT, message, ("messages",))
