"""Tokenize training files, and label the tokens to train on."""

import datetime as dt
import hashlib
from array import array
from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from sftc.service.executor import FailedError
from sftc.training.chat_template import ChatTemplate
from sftc.training.conversation import UnspeakableError, read_row
from sftc.training.encoded_row import encode
from sftc.training.plan import TrainOn

IGNORED = -100
"""The label of a token that is not trained on."""

_BLANK = b" \t\r\n"
LINES = 10
"""The most line numbers that a report lists for one reason."""


class Counts(NamedTuple):
    """Statistics of a tokenized training file.

    Attributes:
        read: rows in the file.
        rows: rows that are trained on.
        cut: rows truncated to the sequence length.
        empty: rows skipped because no token to train on is left.
        tokens: tokens in the rows that are trained on.
        trained_tokens: tokens that have a label.
        digest: SHA-256 of the file, as `sha256:HEX`.
        lost: what the chat template loses, and how often; see `chat_template.Encoded`.
        lines: the first lines of the file where it does, one more than `LINES` if there are more.
        ends: the ids of the tokens that end answers and are not within others, the most frequent first.
    """

    read: int
    rows: int
    cut: int
    empty: int
    tokens: int
    trained_tokens: int
    digest: str
    lost: dict[str, int]
    lines: dict[str, list[int]]
    ends: list[int]


class TokenRows:
    """A dataset of tokenized rows, memory-mapped from disk.

    `tokens.npy` and `labels.npy` hold all rows back to back, `starts.npy` the offset of each row.
    """

    def __init__(self, folder: Path) -> None:
        """Open the arrays that `write_tokens` wrote to `folder`."""
        self._tokens, self._labels = (
            np.load(folder / f"{name}.npy", mmap_mode="r") for name in ("tokens", "labels")
        )
        self._starts = np.load(folder / "starts.npy")

    def __len__(self) -> int:
        return len(self._starts) - 1

    @property
    def lengths(self) -> list[int]:
        """The tokens of each row."""
        found: list[int] = np.diff(self._starts).tolist()
        return found

    def __getitem__(self, at: int) -> dict[str, Any]:
        import torch

        start, end = self._starts[at : at + 2]
        return {
            name: torch.from_numpy(each[start:end].astype(np.int64))
            for name, each in (("input_ids", self._tokens), ("labels", self._labels))
        }


def write_tokens(  # noqa: PLR0913  each is one setting
    path: Path,
    folder: Path,
    tokenizer: Any,
    limit: int,
    *,
    train_on: TrainOn = "assistant",
    date: dt.date | None = None,
) -> Counts:
    """Tokenize a training file into arrays in `folder`, and return its statistics.

    Args:
        path: a JSON Lines file without errors from `sftc dataset check`.
        folder: the folder for the arrays; created if it does not exist.
        tokenizer: a transformers tokenizer with a chat template.
        limit: the maximum tokens of a row. Longer rows are truncated.
        train_on: the answers to train on; see `chat_template.encode`.
        date: the date for chat templates that print one; by default, today.

    Raises:
        FailedError: the chat template cannot render a row, or no row has a token to train on.
    """
    folder.mkdir(exist_ok=True)
    tokens, labels, starts = array("i"), array("i"), array("q", [0])
    read = cut = empty = trained = 0
    lost, ends = Counter[str](), Counter[int]()
    inner: set[int] = set()
    lines: dict[str, list[int]] = {}
    digest = hashlib.sha256()
    template = ChatTemplate(tokenizer, date)
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            digest.update(line)
            if not line.strip(_BLANK):
                continue
            read += 1
            try:
                row = encode(read_row(line), template, train_on)
            except UnspeakableError as error:
                raise FailedError(f"line {number:,} of the {folder.name} file: {error}") from error
            lost.update(row.lost)
            for reason in row.lost:
                lines.setdefault(reason, []).append(number)
                del lines[reason][LINES + 1 :]
            cut += len(row.tokens) > limit
            kept = [IGNORED if label is None else label for label in row.kept(limit)]
            if (here := len(kept) - kept.count(IGNORED)) == 0:
                empty += 1
                continue
            tokens.extend(row.tokens[:limit])
            labels.extend(kept)
            trained += here
            ends.update(row.ends)
            inner |= row.inner
            starts.append(len(tokens))
    for name, each in (("tokens", tokens), ("labels", labels), ("starts", starts)):
        np.save(folder / f"{name}.npy", np.frombuffer(each, each.typecode))
    rows = len(starts) - 1
    if not rows and cut:
        raise FailedError(f"`hyperparameters.sequence_length`: no row has an answer within {limit:,} tokens")
    if not rows:
        raise FailedError(f"no answer in the {folder.name} file is rendered by the model's chat template")
    return Counts(
        read,
        rows,
        cut,
        empty,
        len(tokens),
        trained,
        f"sha256:{digest.hexdigest()}",
        dict(lost),
        lines,
        [id for id, _ in ends.most_common() if id not in inner],
    )
