"""Rows compared with the length of a sequence, by limits that hold for any tokenizer in use."""

from collections.abc import Iterator
from typing import Any, Final

from sftc.dataset.advice import texts
from sftc.dataset.excerpt import Remark
from sftc.findings.stage_rules import lengths

BYTES_A_TOKEN: Final = 16
"""More bytes than a token has on average over a whole row: English is near 4, code near 3."""


def most_bytes(tokens: int) -> int:
    """Return the most bytes of text that may fit in that many tokens."""
    return tokens * BYTES_A_TOKEN


def too_long(row: dict[str, Any], tokens: int) -> Iterator[Remark]:
    """Yield the remark about a row whose text cannot fit in `tokens` tokens."""
    total, before, first = 0, 0, None
    for index, message in enumerate(row["messages"]):
        if first is None and message["role"] == "assistant":
            first, before = index, total
        total += sum(len(text.encode("utf-8", "surrogatepass")) for _, text in texts(message))
    limit = f"`sequence_length = {tokens}`"
    rate = f"even at {BYTES_A_TOKEN} bytes a token"
    if first is not None and before > most_bytes(tokens):
        message = f"{before:,} bytes before the first answer: {rate}, {limit} ends before it"
        yield Remark(lengths.LABELS_CUT_OFF, message, ("messages", first))
    elif total > most_bytes(tokens):
        message = f"the texts have {total:,} bytes: {rate}, they do not fit in {limit}"
        yield Remark(lengths.ROW_CANNOT_FIT, message, ("messages",))
