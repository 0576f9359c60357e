"""The model answers prompts while it is trained, and the run is the same with and without."""

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from sftc.service.executor import FailedError
from sftc.training import sampler
from sftc.training.inference import TrainedModel
from sftc.training.sample_file import read_samples, write_samples
from sftc.training.trained_tokenizer import TrainedTokenizer
from support.training_jobs import Bench, Told, contents, settings

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning")

PROMPTS = ["3 + 4?", "\x1b[31m# 1 + 1?\n\n<b>"]
SAMPLES: dict[str, Any] = {"prompts": PROMPTS, "every_steps": 20, "max_tokens": 8}


def sampled(folder: Path, models: Path, samples: dict[str, Any], **sections: dict[str, Any]) -> Bench:
    return Bench(folder, models, settings(**{"training.samples": samples}, **sections), validation=8)


def taken(told: Told) -> dict[int, dict[str, str]]:
    """Return the answers by step and prompt."""
    found: dict[int, dict[str, str]] = {}
    for kind, _, data in told.events:
        if kind == "sample":
            found.setdefault(data["step"], {})[data["prompt"]] = data["answer"]
    return found


def weights(model: Path) -> dict[str, bytes]:
    return {name: data for name, data in contents(model).items() if name.endswith(".safetensors")}


VARIANTS: dict[str, dict[str, dict[str, Any]]] = {
    "dropout": {"training.lora": {"dropout": 0.5}},
    "full-checkpointing": {
        "training": {"mode": "full"},
        "hyperparameters.parallelism": {"activation_checkpointing": True},
    },
    "evaluated": {"training.validation": {"eval_steps": 3, "save_best_model_at_end": True}},
}


@pytest.mark.parametrize("variant", VARIANTS.values(), ids=VARIANTS)
def test_samples_do_not_disturb_the_run(
    models: Path, tmp_path: Path, variant: dict[str, dict[str, Any]]
) -> None:
    plain, told = Told(), Told()
    steps = {"hyperparameters": {"max_steps": 6}}
    samples = {"prompts": PROMPTS[:1], "every_steps": 2, "max_tokens": 8}
    one = sampled(tmp_path / "one", models, {}, **steps, **variant).train(plain)
    other = sampled(tmp_path / "other", models, samples, **steps, **variant).train(told)
    assert [*taken(told)] == [0, 2, 4, 6]
    assert weights(one) == weights(other)
    for metric in ("train.loss", "train.grad_norm"):
        assert plain.metrics[metric] == told.metrics[metric]


def test_samples_are_events_and_the_first_and_last_are_on_the_card(models: Path, tmp_path: Path) -> None:
    told = Told()
    model = sampled(tmp_path / "job", models, SAMPLES, hyperparameters={"n_epochs": 5}).train(told)
    samples = taken(told)
    assert [*samples] == [0, 20, 40]
    assert all([*each] == PROMPTS for each in samples.values())
    tokenizer = TrainedTokenizer(model)
    trained = TrainedModel(tokenizer)
    question = tokenizer.encode({"messages": [{"role": "user", "content": PROMPTS[0]}]})
    assert samples[0][PROMPTS[0]] == trained.answer(question, 8, of_base=True)
    assert samples[40][PROMPTS[0]] == trained.answer(question, 8)
    assert samples[0] != samples[40]
    kinds = [kind for kind, _, _ in told.events]
    assert kinds.index("sample") < kinds.index("checkpoint")
    assert all(len(said) < 200 and "\n" not in said for said in told.messages("sample"))

    section = (
        (model / "README.md").read_text(encoding="utf-8").partition("## Samples\n")[2].partition("\n##")[0]
    )
    lines = [line for line in section.splitlines() if line]
    assert all(line.startswith("    ") for line in lines)  # code: nothing in it is markup
    assert all(line.isprintable() for line in lines)
    assert [re.sub(":.*", "", line.strip()) for line in lines][1::3] == ["step 0", "step 0"]
    assert [re.sub(":.*", "", line.strip()) for line in lines][2::3] == ["step 40", "step 40"]
    assert json.dumps(samples[40][PROMPTS[0]], ensure_ascii=False) in lines[2]


def test_without_steps_there_are_samples_before_and_after(models: Path, tmp_path: Path) -> None:
    told = Told()
    sampled(tmp_path / "job", models, {"prompts": PROMPTS}, hyperparameters={"max_steps": 2}).train(told)
    assert [*taken(told)] == [0, 2]


def test_a_job_that_resumes_has_the_samples_of_one_that_did_not_stop(models: Path, tmp_path: Path) -> None:
    sections = {"training.checkpoints": {"every_steps": 2}, "hyperparameters": {"max_steps": 6}}
    bench = sampled(tmp_path / "job", models, {**SAMPLES, "every_steps": 1}, **sections)
    told, again = Told(), Told()
    first = contents(bench.train(told))
    for name in ("model", "checkpoint-6"):  # as if it was killed after step 4
        shutil.rmtree(bench.folder / name)
    write_samples(bench.folder, [each for each in read_samples(bench.folder) if each.step <= 4])
    assert contents(bench.train(again)) == first
    assert [*taken(again)] == [5, 6]
    assert taken(again) == {step: taken(told)[step] for step in (5, 6)}


def test_a_prompt_that_the_model_cannot_read_and_answer_is_refused(models: Path, tmp_path: Path) -> None:
    prompts = ["short", "long " * 40]
    with pytest.raises(FailedError) as refused:
        sampled(tmp_path / "job", models, {"prompts": prompts, "max_tokens": 64}).train()
    said = str(refused.value)
    assert re.search(r"`training\.samples\.prompts`: prompt 2 has \d+ tokens, and with an answer of 64", said)
    assert "but the model reads 256; shorten the prompt, or lower `max_tokens`" in said


def test_a_model_that_cannot_answer_is_a_warning(
    models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object, **__: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(sampler, "generate_answer", fails)
    told = Told()
    model = sampled(tmp_path / "job", models, SAMPLES, hyperparameters={"max_steps": 2}).train(told)
    [said] = [each for each in told.messages("warning") if "samples" in each]
    assert said == "no samples from step 0 on: OutOfMemoryError: CUDA out of memory"
    assert not taken(told)
    assert "## Samples" not in (model / "README.md").read_text(encoding="utf-8")
