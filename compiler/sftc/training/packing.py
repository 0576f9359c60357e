"""Pack several rows into a sequence, so that batches have little padding.

Rows in a sequence do not see each other: the positions of each begin at 0, and transformers keeps attention
within a row wherever positions begin again. `keeps_rows_apart` checks that a model really does.
"""

from inspect import signature
from typing import Any, Final

import torch

from sftc.estimate.sequences import Packed
from sftc.training.tokens import IGNORED, TokenRows

_ROW: Final = 7
"""The tokens of a row of the check."""

_ERRORS: Final = {torch.float32: 1e-4, torch.bfloat16: 2e-2, torch.float16: 1e-2}
"""What rounding may change in the logits of the check, relative to the largest, by precision."""


class PackedRows:
    """A dataset of sequences, each of several rows with positions that begin at 0."""

    def __init__(self, rows: TokenRows, packed: Packed) -> None:
        self._rows = rows
        self._sequences = packed.sequences

    def __len__(self) -> int:
        return len(self._sequences)

    def __getitem__(self, at: int) -> dict[str, torch.Tensor]:
        rows = [self._rows[row] for row in self._sequences[at]]
        for row in rows:
            row["labels"][0] = IGNORED  # the row before does not predict it
        joined = {name: torch.cat([row[name] for row in rows]) for name in ("input_ids", "labels")}
        return {**joined, "position_ids": torch.cat([torch.arange(len(row["input_ids"])) for row in rows])}


def keeps_rows_apart(model: Any, device: torch.device, wrapped: Any = None) -> bool:
    """Return whether the rows of a packed sequence get the same logits as on their own.

    Args:
        model: the model to train.
        device: the device that it is on.
        wrapped: the model as it is wrapped for training, if it is.
    """
    base = model.get_base_model() if hasattr(model, "get_base_model") else model
    called = model if wrapped is None else wrapped
    if "position_ids" not in signature(base.forward).parameters:
        return False
    words = base.config.get_text_config().vocab_size
    random = torch.Generator().manual_seed(0)
    first, other, row = torch.randint(words, (3, _ROW), generator=random)
    was_training = called.training
    called.eval()

    def logits(*rows: torch.Tensor) -> torch.Tensor:
        positions = torch.cat([torch.arange(len(each)) for each in rows])
        tokens = torch.cat(rows)
        made = called(input_ids=tokens[None].to(device), position_ids=positions[None].to(device))
        found: torch.Tensor = made.logits[0, -_ROW:].detach()
        return found

    with torch.no_grad():
        alone, behind, elsewhere = logits(row), logits(first, row), logits(other, row)
    called.train(was_training)
    error = _ERRORS.get(next(base.parameters()).dtype, 2e-2) * alone.abs().max().item()
    return all((each - alone).abs().max().item() <= error for each in (behind, elsewhere))
