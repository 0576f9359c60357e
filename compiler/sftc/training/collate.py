"""Collate tokenized rows into padded batches."""

import re
from collections.abc import Callable
from inspect import getsource, signature
from typing import Any, Final

import torch
from torch.nn.utils.rnn import pad_sequence

from sftc.training.tokens import IGNORED

_LOSS: Final = re.compile(r"loss_function\((?:[^()]|\([^()]*\))*\)")
"""The call of the loss in the source of a model, whose arguments may be calls."""

TokenRow = dict[str, torch.Tensor]
Batch = dict[str, torch.Tensor]


def collator(model: Any) -> Callable[[list[TokenRow]], Batch]:
    """Return the collate function for `model`: `chosen` if the model supports it, otherwise `whole`.

    Args:
        model: a transformers model, or a PEFT adapter on one.
    """
    base = model.get_base_model() if hasattr(model, "get_base_model") else model
    keeps = "logits_to_keep" in signature(base.forward).parameters
    return chosen if keeps and _passes_labels_on(base.forward) else whole


def _passes_labels_on(forward: Callable[..., Any]) -> bool:
    """Return whether `forward` passes all its options, and with them `shift_labels`, on to the loss.

    In some models of older releases of transformers it does not, and no signature shows that.
    """
    found = _LOSS.search(getsource(forward))
    return found is not None and "**" in found[0]


def whole(rows: list[TokenRow]) -> Batch:
    """Return a batch padded to its longest row. Every tensor has the shape (rows, tokens).

    Packed rows have positions. They get no attention mask: it would hide where rows begin. The padding
    behind them has positions of its own, as if it were one more row.
    """
    lengths = torch.tensor([len(row["input_ids"]) for row in rows])
    batch = {
        "input_ids": pad_sequence([row["input_ids"] for row in rows], batch_first=True),
        "labels": pad_sequence([row["labels"] for row in rows], batch_first=True, padding_value=IGNORED),
    }
    if "position_ids" not in rows[0]:
        return {**batch, "attention_mask": (torch.arange(int(lengths.max())) < lengths[:, None]).long()}
    fillers = [torch.arange(int(lengths.max() - length)) for length in lengths]
    positions = [torch.cat([row["position_ids"], each]) for row, each in zip(rows, fillers, strict=True)]
    return {**batch, "position_ids": torch.stack(positions)}


def trained_tokens(batch: Batch) -> torch.Tensor:
    """Return the number of tokens in a batch that have a label and are predicted."""
    labels = batch["shift_labels"] if "shift_labels" in batch else batch["labels"][:, 1:]
    return (labels != IGNORED).sum()


def chosen(rows: list[TokenRow]) -> Batch:
    """Return a padded batch that computes logits only at positions with a label.

    Logits are expensive: one number per position and vocabulary entry. Prompt tokens have no label,
    so the model does not need logits there. `logits_to_keep` lists the positions, and
    `shift_labels`, of shape (rows, positions), has the labels of the tokens that follow them.
    `labels` is the same with a first column of `IGNORED`: trainers that shift labels before they
    count them and trainers that do not both get the same count.
    """
    batch = whole(rows)
    next_ones = batch["labels"][:, 1:]
    places = (next_ones != IGNORED).any(dim=0).nonzero()[:, 0]
    if not len(places):  # a batch that only fills up an evaluation
        places = torch.tensor([0])
    shifted = next_ones[:, places]
    labels = torch.nn.functional.pad(shifted, (1, 0), value=IGNORED)
    return {**batch, "labels": labels, "shift_labels": shifted, "logits_to_keep": places}
