"""The tokens of the rows of training files within bounds, from their bytes."""

from collections.abc import Iterable
from typing import Any, Final

import orjson

from sftc.dataset.advice import texts
from sftc.dataset.excerpt import row_json
from sftc.dataset.file_kind import BOM
from sftc.dataset.length import MOST_BYTES_A_TOKEN, USUAL_BYTES_A_TOKEN
from sftc.dataset.sample import head
from sftc.estimate.interval import Interval
from sftc.estimate.row_lengths import RowLengths

_MARKS: Final = 5
"""The tokens that a chat template writes around a message, expected."""


def guessed(paths: Iterable[str]) -> RowLengths:
    """Return the lengths of the rows of files without errors, from their bytes.

    Raises:
        UnreadableError: a file cannot be read.
    """
    lines = (line for path in paths for part in head(path, None) for line in part.split(b"\n"))
    tokens = [_expected(orjson.loads(line.removeprefix(BOM))) for line in lines if line.strip()]
    share = Interval(USUAL_BYTES_A_TOKEN / MOST_BYTES_A_TOKEN, 1.0, float(USUAL_BYTES_A_TOKEN))
    bounds = f"{USUAL_BYTES_A_TOKEN} bytes a token, 1 to {MOST_BYTES_A_TOKEN}"
    return RowLengths(tokens, share, f"tokens from bytes, since the tokenizer is not here: {bounds}")


def _expected(row: dict[str, Any]) -> int:
    messages = row["messages"]
    size = sum(len(text.encode("utf-8", "surrogatepass")) for each in messages for _, text in texts(each))
    tools = len(row_json(row["tools"]).encode()) if row.get("tools") else 0
    return (size + tools) // USUAL_BYTES_A_TOKEN + _MARKS * len(messages)
