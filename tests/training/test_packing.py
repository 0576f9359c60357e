"""Packed rows: the same loss and gradients as on their own, and models that cannot do it are refused."""

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from transformers import (
    AutoModelForCausalLM,
    BloomConfig,
    BloomForCausalLM,
    GPT2Config,
    GPT2LMHeadModel,
    MambaConfig,
    MambaForCausalLM,
)

from sftc.estimate.sequences import pack
from sftc.service.executor import FailedError
from sftc.training.collate import chosen, trained_tokens, whole
from sftc.training.packing import PackedRows, keeps_rows_apart
from sftc.training.tokens import IGNORED, TokenRows
from support import tiny_model
from support.training_jobs import Bench, Told, settings

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning")

PACKED = {"hyperparameters": {"packing": True, "sequence_length": 100, "global_batch": 2, "n_epochs": 1}}


def written(folder: Path, lengths: list[int]) -> TokenRows:
    """Write rows of random tokens, of which about half have labels, and return them."""
    random = np.random.default_rng(0)
    tokens = random.integers(0, 200, sum(lengths), dtype=np.int32)
    labels = np.where(random.random(len(tokens)) < 0.5, tokens, IGNORED).astype(np.int32)
    starts = np.cumsum([0, *lengths])
    labels[starts[:-1]] = IGNORED
    labels[starts[1:] - 1] = tokens[starts[1:] - 1]
    folder.mkdir(exist_ok=True)
    for name, each in (("tokens", tokens), ("labels", labels), ("starts", starts)):
        np.save(folder / f"{name}.npy", each)
    return TokenRows(folder)


def computed(model: Any, batches: list[dict[str, torch.Tensor]]) -> tuple[float, dict[str, torch.Tensor]]:
    """Return the loss over all tokens of some batches, and its gradients."""
    model.zero_grad()
    count = sum(trained_tokens(batch) for batch in batches)
    loss = sum(model(**batch).loss * trained_tokens(batch) / count for batch in batches)
    assert isinstance(loss, torch.Tensor)
    torch.autograd.backward(loss)
    return loss.item(), {name: each.grad.clone() for name, each in model.named_parameters()}


@pytest.mark.parametrize("collate", [whole, chosen])
@pytest.mark.parametrize("kernel", ["eager", "sdpa"])
def test_packed_rows_have_the_loss_and_the_gradients_of_rows_on_their_own(
    models: Path, tmp_path: Path, kernel: str, collate: Any
) -> None:
    model = AutoModelForCausalLM.from_pretrained(models / "tiny", attn_implementation=kernel)
    model.config.use_cache = False
    rows = written(tmp_path / "rows", [31, 7, 12, 40, 3, 25, 2])
    alone, expected = computed(model, [collate([rows[at]]) for at in range(len(rows))])
    sequences = PackedRows(rows, pack(rows.lengths, 64, 2))
    assert len(sequences) == 2
    together, found = computed(model, [collate([sequences[0], sequences[1]])])
    assert together == pytest.approx(alone, rel=1e-5)
    for name, each in expected.items():
        assert torch.allclose(found[name], each, rtol=1e-3, atol=1e-5), name


@given(lengths=st.lists(st.integers(1, 30), min_size=1, max_size=40), limit=st.integers(30, 60))
def test_every_row_is_in_one_sequence_that_has_room_for_it(lengths: list[int], limit: int) -> None:
    packed = pack(lengths, limit, 4)
    assert sorted(row for rows in packed.sequences for row in rows) == [*range(len(lengths))]
    filled = sorted(sum(lengths[row] for row in rows) for rows in packed.sequences)
    assert max(filled) <= limit
    assert all(one + other > limit for one, other in pairwise(filled))
    assert pack(lengths, 0, 4).length == max(lengths)


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        (lambda: GPT2LMHeadModel(GPT2Config(vocab_size=99, n_embd=32, n_layer=2, n_head=2)), True),
        (lambda: BloomForCausalLM(BloomConfig(vocab_size=99, hidden_size=32, n_layer=2, n_head=2)), False),
        (lambda: MambaForCausalLM(MambaConfig(vocab_size=99, hidden_size=32, num_hidden_layers=2)), False),
    ],
    ids=["GPT-2", "BLOOM", "Mamba"],
)
def test_models_that_mix_rows_are_recognized(model: Any, *, expected: bool) -> None:
    torch.manual_seed(0)
    made = model()
    made.config.use_cache = False
    assert keeps_rows_apart(made, torch.device("cpu")) is expected


def test_a_model_that_mixes_rows_is_refused_by_the_key(models: Path, tmp_path: Path) -> None:
    config = MambaConfig(vocab_size=260, hidden_size=32, num_hidden_layers=2)
    config.max_position_embeddings = 256
    MambaForCausalLM(config).save_pretrained(tmp_path / "mamba")
    tiny_model.tokenizer().save_pretrained(tmp_path / "mamba")
    job = settings(job={"model": str(tmp_path / "mamba")}, training={"mode": "full"}, **PACKED)
    with pytest.raises(FailedError, match=r"`hyperparameters\.packing`: .* a model of the type mamba"):
        Bench(tmp_path / "job", models, job).train()


def test_packing_saves_padding_and_the_share_is_reported(models: Path, tmp_path: Path) -> None:
    told = Told()
    bench = Bench(tmp_path / "job", models, settings(**PACKED), validation=5)
    model = bench.train(told)
    [data] = [data for kind, said, data in told.events if kind == "data" and said.startswith("packing")]
    assert data["rows"] == 64
    assert data["sequences"] == 22
    assert 0 <= data["padding"] < 0.15
    assert len(told.metrics["train.loss"]) == 11
    assert (model / "adapter_model.safetensors").exists()
