"""Training files as tokens: what the model reads, and which of it it learns to say."""

import hashlib
from array import array
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import orjson

from sftc.service.executor import FailedError
from sftc.training.chat_template import UnspeakableError, encode

IGNORED = -100
"""The label of a token that nothing is learnt from."""

_BLANK = b" \t\r\n"


class Counts(NamedTuple):
    """What became of the rows of a file.

    `rows` are those that are trained on, of `read`; `cut` were longer than the model is to
    read, `empty` had nothing left to learn and are left out. `silent` answers could not be found in what
    the chat template makes of their row. `learnt` of `tokens` tokens are learnt from.
    """

    read: int
    rows: int
    cut: int
    empty: int
    silent: int
    tokens: int
    learnt: int
    digest: str


class TokenRows:
    """The rows of a file as arrays on disk: tokens and labels, one after the other, and where each begins."""

    def __init__(self, folder: Path) -> None:
        """Open what `write` made in `folder`."""
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
    """Turn a training file into arrays.

    Args:
        path: a file of JSON Lines that `sftc dataset check` has no error in.
        folder: where the arrays go; it is made.
        tokenizer: a tokenizer of transformers with a chat template.
        limit: the most tokens of a row.

    Returns:
        What became of the rows.

    Raises:
        FailedError: a row is none that the model can be told, or there is nothing to learn.
    """
    folder.mkdir(exist_ok=True)
    tokens, labels, starts = array("i"), array("i"), array("q", [0])
    read = cut = empty = silent = learnt = 0
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
            marks[:1] = [False]  # it comes after nothing
            cut += len(ids) > limit
            if not any(marks[:limit]):
                empty += 1
                continue
            tokens.extend(ids[:limit])
            labels.extend(id if mark else IGNORED for id, mark in zip(ids[:limit], marks, strict=False))
            learnt += sum(marks[:limit])
            starts.append(len(tokens))
    for name, each in (("tokens", tokens), ("labels", labels), ("starts", starts)):
        np.save(folder / f"{name}.npy", np.frombuffer(each, each.typecode))
    rows = len(starts) - 1
    if not rows:
        raise FailedError(f"`hyperparameters.sequence_length`: no row has an answer within {limit:,} tokens")
    return Counts(read, rows, cut, empty, silent, len(tokens), learnt, f"sha256:{digest.hexdigest()}")
