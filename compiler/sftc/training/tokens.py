"""Tokenize training files, and label the tokens to train on."""

import hashlib
from array import array
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import orjson

from sftc.service.executor import FailedError
from sftc.training.chat_template import UnspeakableError, encode

IGNORED = -100
"""The label of a token that is not trained on."""

_BLANK = b" \t\r\n"


class Counts(NamedTuple):
    """Statistics of a tokenized training file.

    Attributes:
        read: rows in the file.
        rows: rows that are trained on.
        cut: rows truncated to the sequence length.
        empty: rows skipped because no token to train on is left.
        silent: answers that the chat template does not render.
        tokens: tokens in the rows that are trained on.
        trained_tokens: tokens that have a label.
        digest: SHA-256 of the file, as `sha256:HEX`.
    """

    read: int
    rows: int
    cut: int
    empty: int
    silent: int
    tokens: int
    trained_tokens: int
    digest: str


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

    def __getitem__(self, at: int) -> dict[str, Any]:
        import torch

        start, end = self._starts[at : at + 2]
        return {
            name: torch.from_numpy(each[start:end].astype(np.int64))
            for name, each in (("input_ids", self._tokens), ("labels", self._labels))
        }


def write_tokens(path: Path, folder: Path, tokenizer: Any, limit: int) -> Counts:
    """Tokenize a training file into arrays in `folder`, and return its statistics.

    Args:
        path: a JSON Lines file without errors from `sftc dataset check`.
        folder: the folder for the arrays; created if it does not exist.
        tokenizer: a transformers tokenizer with a chat template.
        limit: the maximum tokens of a row. Longer rows are truncated.

    Raises:
        FailedError: the chat template cannot render a row, or no row has a token to train on.
    """
    folder.mkdir(exist_ok=True)
    tokens, labels, starts = array("i"), array("i"), array("q", [0])
    read = cut = empty = silent = trained = 0
    digest = hashlib.sha256()
    with path.open("rb") as file:
        for line in file:
            digest.update(line)
            if not line.strip(_BLANK):
                continue
            read += 1
            try:
                ids, marks, missed = encode(orjson.loads(line), tokenizer)
            except UnspeakableError as error:
                raise FailedError(f"row {read:,} of the {folder.name} file: {error}") from error
            silent += missed
            marks[:1] = [False]  # no token predicts the first one
            cut += len(ids) > limit
            if not any(marks[:limit]):
                empty += 1
                continue
            tokens.extend(ids[:limit])
            labels.extend(id if mark else IGNORED for id, mark in zip(ids[:limit], marks, strict=False))
            trained += sum(marks[:limit])
            starts.append(len(tokens))
    for name, each in (("tokens", tokens), ("labels", labels), ("starts", starts)):
        np.save(folder / f"{name}.npy", np.frombuffer(each, each.typecode))
    rows = len(starts) - 1
    if not rows:
        raise FailedError(f"`hyperparameters.sequence_length`: no row has an answer within {limit:,} tokens")
    return Counts(read, rows, cut, empty, silent, len(tokens), trained, f"sha256:{digest.hexdigest()}")
