"""Rows collated to batches."""

from collections.abc import Callable
from inspect import signature
from typing import Any

import torch
from torch.nn.utils.rnn import pad_sequence

from sftc.training.tokens import IGNORED

TokenRow = dict[str, torch.Tensor]
Batch = dict[str, torch.Tensor]


def collator(model: Any) -> Callable[[list[TokenRow]], Batch]:
    """Return the function that collates rows for `model`, a transformers model or an adapter on one."""
    base = model.get_base_model() if hasattr(model, "get_base_model") else model
    return chosen if "logits_to_keep" in signature(base.forward).parameters else whole


def whole(rows: list[TokenRow]) -> Batch:
    """Return rows as the columns of a batch, as long as the longest of them: (rows, tokens) each."""
    lengths = torch.tensor([len(row["input_ids"]) for row in rows])
    return {
        "input_ids": pad_sequence([row["input_ids"] for row in rows], batch_first=True),
        "attention_mask": (torch.arange(int(lengths.max())) < lengths[:, None]).long(),
        "labels": pad_sequence([row["labels"] for row in rows], batch_first=True, padding_value=IGNORED),
    }


def chosen(rows: list[TokenRow]) -> Batch:
    """Return a batch, and the positions at which the model computes logits.

    Most tokens of a prompt are not trained on, and their logits are expensive: one for each word of
    the vocabulary. The labels belong to the tokens after these positions; a trainer counts the same
    number whether it shifts them or not.
    """
    batch = whole(rows)
    next_ones = batch["labels"][:, 1:]
    places = (next_ones != IGNORED).any(dim=0).nonzero()[:, 0]
    shifted = next_ones[:, places]
    labels = torch.nn.functional.pad(shifted, (1, 0), value=IGNORED)
    return {**batch, "labels": labels, "shift_labels": shifted, "logits_to_keep": places}
