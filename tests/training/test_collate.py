"""Batches, and that computing fewer logits does not change the loss or the gradients."""

from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import AutoModelForCausalLM

from sftc.training.collate import TokenRow, chosen, collator, whole
from sftc.training.tokens import IGNORED

tokens = st.lists(st.tuples(st.integers(0, 200), st.booleans()), min_size=2, max_size=20)
rows = tokens.filter(lambda row: any(trained for _, trained in row[1:]))


@pytest.fixture(scope="module")
def model(models: Path) -> torch.nn.Module:
    made: torch.nn.Module = AutoModelForCausalLM.from_pretrained(models / "tiny")
    return made


def row(tokens: list[tuple[int, bool]]) -> TokenRow:
    return {
        "input_ids": torch.tensor([token for token, _ in tokens]),
        "labels": torch.tensor([token if trained else IGNORED for token, trained in tokens]),
    }


@settings(max_examples=30)
@given(st.lists(rows, min_size=1, max_size=4))
def test_loss_and_gradients_equal_those_of_all_positions(
    model: torch.nn.Module, batch: list[list[tuple[int, bool]]]
) -> None:
    made = [*map(row, batch)]
    model.zero_grad()
    everywhere = model(**whole(made)).loss
    everywhere.backward()
    expected = {name: each.grad.clone() for name, each in model.named_parameters() if each.grad is not None}
    model.zero_grad()
    there = model(**chosen(made)).loss
    there.backward()
    assert there.item() == pytest.approx(everywhere.item(), rel=1e-4)
    assert expected
    for name, each in model.named_parameters():
        if name in expected:
            assert each.grad is not None
            assert torch.allclose(each.grad, expected[name], rtol=1e-3, atol=1e-5)


def test_a_batch_is_padded_to_its_longest_row_and_keeps_logits_at_labelled_positions() -> None:
    first = row([(5, False), (6, True), (7, False)])
    second = row([(8, False), (9, False), (10, False), (11, True)])
    batch = chosen([first, second])
    assert batch["input_ids"].tolist() == [[5, 6, 7, 0], [8, 9, 10, 11]]
    assert batch["attention_mask"].tolist() == [[1, 1, 1, 0], [1, 1, 1, 1]]
    assert batch["logits_to_keep"].tolist() == [0, 2]
    assert batch["shift_labels"].tolist() == [[6, IGNORED], [IGNORED, 11]]
    assert batch["labels"].tolist() == [[IGNORED, 6, IGNORED], [IGNORED, IGNORED, 11]]


def test_a_model_without_logits_to_keep_gets_all_positions(model: torch.nn.Module) -> None:
    class Old(torch.nn.Module):
        def forward(self, input_ids: torch.Tensor, labels: torch.Tensor) -> None:
            """Do nothing."""

    assert collator(model) is chosen
    assert collator(Old()) is whole


class Base(torch.nn.Module):
    def loss_function(self, *given: object, **options: object) -> float:
        return 0.0


class PassesOn(Base):
    def forward(self, logits_to_keep: int = 0, **options: int) -> float:
        return self.loss_function(max(logits_to_keep, 1), labels=None, **options)


class KeepsBack(Base):
    def forward(self, logits_to_keep: int = 0, **options: int) -> float:
        return self.loss_function(max(logits_to_keep, 1), items=options.get("items"))


def test_all_logits_are_computed_if_a_model_does_not_pass_labels_on() -> None:
    assert collator(PassesOn()) is chosen
    assert collator(KeepsBack()) is whole
