"""The figures of a run are true: its losses, its best model, its rates, its card; and a bad run fails."""

import json
import math
import re
import shutil
import tomllib
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from chance_model import TEMPLATE
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM

import sftc
from sftc.contract.versions import PACKAGED
from sftc.service.executor import FailedError
from sftc.training import health
from sftc.training.artifacts import card
from sftc.training.fit import Outcome
from sftc.training.learning_rate import schedule
from sftc.training.machine import Machine
from sftc.training.make_plan import make_plan
from sftc.training.tokens import Counts, TokenRows
from support import tiny_model
from support.training_jobs import Bench, Told, contents, settings, token_loss

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning")

CPU = Machine("cpu", ("CPU",), True, frozenset({"bitsandbytes"}), cpus=2)
GPUS = Machine("cuda", ("NVIDIA H100",) * 16, True, frozenset({"bitsandbytes", "deepspeed"}), nodes=2)
EVALUATED = {"evaluation_strategy": "steps", "save_best_model_at_end": True}
UNTRAINED = {"learning_rate": 1e-30, "max_steps": 1}


def truth(folder: Path, models: Path, adapter: Path | None = None) -> float:
    """Return the loss over all tokens of the validation rows, a row at a time."""
    model: Any = AutoModelForCausalLM.from_pretrained(models / "tiny")
    if adapter:
        from peft import PeftModel

        model = PeftModel.from_pretrained(model, adapter)
    return token_loss(model, TokenRows(folder / "validation"))


@pytest.mark.parametrize("batch", [1, 4, 8])
def test_the_validation_loss_is_the_mean_over_tokens_for_any_batch(
    models: Path, tmp_path: Path, batch: int
) -> None:
    options = {"per_device_batch": batch, "global_batch": 8, **UNTRAINED}
    told = Told()
    sections: dict[str, Any] = {"training.validation": EVALUATED | {"eval_steps": 1}}
    bench = Bench(tmp_path / "job", models, settings(hyperparameters=options, **sections), 9)
    bench.train(told)
    assert told.metrics["val.loss"][1] == pytest.approx(truth(bench.folder, models), rel=1e-6)


def test_the_best_model_is_the_one_with_the_lowest_loss(models: Path, tmp_path: Path) -> None:
    told = Told()
    sections: dict[str, Any] = {
        "training.validation": EVALUATED | {"eval_steps": 1},
        "training.checkpoints": {"every_steps": 100},
        "hyperparameters": {"learning_rate": 0.3, "lr_scheduler": "constant", "max_steps": 12},
    }
    bench = Bench(tmp_path / "job", models, settings(**sections), 9)
    model = bench.train(told)
    losses = told.metrics["val.loss"]
    best = min(losses, key=lambda step: losses[step])
    assert best < 12
    assert told.data("best") == {"step": best, "loss": losses[best]}
    assert truth(bench.folder, models, model) == pytest.approx(losses[best], rel=1e-5)
    assert f"the model is that of step {best}, the best" in (model / "README.md").read_text()


@pytest.mark.parametrize(
    ("rate", "step", "what"),
    [(1e30, 2, "the loss is"), (3e38, 1, "the weights are")],
    ids=["loss", "weights"],
)
def test_a_run_that_diverges_fails_and_names_the_last_finite_checkpoint(
    models: Path, tmp_path: Path, rate: float, step: int, what: str
) -> None:
    sections: dict[str, Any] = {
        "training.checkpoints": {"every_steps": 1},
        "hyperparameters": {"learning_rate": rate, "optimizer": "sgd" if step == 1 else "adamw"},
    }
    if step == 1:
        sections["hyperparameters"]["weight_decay"] = 1e4
    bench = Bench(tmp_path / "job", models, settings(**sections))
    with pytest.raises(FailedError) as failed:
        bench.train()
    said = str(failed.value)
    assert (
        f"training diverged at step {step}: {what} not finite; lower `hyperparameters.learning_rate`" in said
    )
    kept = [path for path in bench.folder.glob("checkpoint-*") if path.is_dir()]
    assert len(kept) == step - 1
    for path in kept:
        assert f"The last finite checkpoint is {path.name} in {bench.folder}" in said
        assert all(each.isfinite().all() for each in load_file(path / "adapter_model.safetensors").values())


def test_a_run_whose_gradients_vanish_fails(models: Path, tmp_path: Path) -> None:
    hyperparameters = {"learning_rate": 1e3, "lr_scheduler": "constant", "max_steps": 8}
    with pytest.raises(FailedError) as failed:
        Bench(tmp_path / "job", models, settings(hyperparameters=hyperparameters)).train()
    assert re.search(r"diverged at step \d: all gradients are 0 at a loss of 5\.5", str(failed.value))
    assert "lower `hyperparameters.learning_rate` (it is 1000)" in str(failed.value)


def test_base_weights_that_are_not_finite_fail_the_job(models: Path, tmp_path: Path) -> None:
    shutil.copytree(models / "tiny", tmp_path / "broken")
    weights = load_file(tmp_path / "broken/model.safetensors")
    weights["model.norm.weight"][3] = math.nan
    save_file(weights, tmp_path / "broken/model.safetensors", {"format": "pt"})
    broken = settings(job={"model": str(tmp_path / "broken")})
    with pytest.raises(
        FailedError,
        match=r"step 1: the loss is not finite; nothing was trained yet, so `job.model`.*`\. No checkpoint",
    ):
        Bench(tmp_path / "job", models, broken).train()


def test_numbers_are_finite_even_if_their_squares_are_not() -> None:
    assert health.is_finite([torch.tensor([3e38, -3e38]), torch.tensor(1.0), torch.tensor([7])])
    assert health.is_finite([])
    for number in (math.nan, math.inf, -math.inf):
        assert not health.is_finite([torch.ones(3), torch.tensor([1.0, number])])


def test_few_steps_are_a_warning_and_an_unchanged_adapter_is_a_failure(models: Path, tmp_path: Path) -> None:
    told = Told()
    bench = Bench(
        tmp_path / "job", models, settings(hyperparameters={"learning_rate": 1e-60, "max_steps": 2})
    )
    with pytest.raises(FailedError, match=r"training changed nothing: after 2 steps"):
        bench.train(told)
    [warning] = told.messages("warning")
    assert warning.startswith("the run has only 2 optimizer steps, of 8 rows")


def test_one_step_with_a_warmup_trains(models: Path, tmp_path: Path) -> None:
    told = Told()
    options = {"warmup_ratio": 0.03, "n_epochs": 1, "global_batch": 64}
    Bench(tmp_path / "job", models, settings(hyperparameters=options)).train(told)
    assert told.metrics["train.learning_rate"] == {1: 5e-3}


ratios = st.sampled_from([0.0, 1.0, 1e-9, 1 - 1e-9]) | st.floats(0, 1)


@given(ratio=ratios, total=st.integers(1, 300), shape=st.sampled_from(["linear", "cosine", "constant"]))
def test_the_warmup_rises_over_exactly_its_share(ratio: float, total: int, shape: str) -> None:
    shares = [*map(schedule(PLAN._replace(warmup_ratio=ratio, schedule=shape), total), range(total))]
    assert all(0 < share <= 1 for share in shares)
    rise = math.ceil(ratio * total - 1e-6)
    for at, share in enumerate(shares[: max(0, rise - 1)]):
        assert share == pytest.approx((at + 1) / (ratio * total))
    assert shares[max(0, rise - 1)] == pytest.approx(1, abs=1e-6)
    assert all(
        after <= before + 1e-9 for before, after in zip(shares[rise:], shares[rise + 1 :], strict=False)
    )


TEMPLATES = {
    **{
        f"init {name}": {"schema_version": 2, **each["config"]}
        for name, each in PACKAGED.newest.templates.items()
    },
    **{
        path.name: tomllib.loads(path.read_text(encoding="utf-8"))
        for path in (Path(__file__).parents[2] / "examples").glob("*.toml")
        if path.name != "typos.toml"
    },
}


@pytest.mark.parametrize("name", TEMPLATES)
def test_the_shipped_configs_train_on_small_files(name: str) -> None:
    import tomlkit

    payload = sftc.compile(tomlkit.dumps(TEMPLATES[name])).payload
    plan = make_plan(payload, PACKAGED, GPUS, substitutes=False, validates=True)
    assert plan.steps(50) >= 10


PLAN = make_plan(settings(), PACKAGED, CPU, substitutes=False, validates=False)
names = st.text(st.characters(exclude_categories=["Cs"]), min_size=1).filter(str.strip)


@given(model=names, tag=names)
def test_the_head_of_a_card_is_yaml_for_any_name(model: str, tag: str) -> None:
    payload = {"model": model, "metadata": {"effective_config": {}}}
    plan = PLAN._replace(tags={"a": tag})
    counts = {"training": Counts(1, 1, 0, 0, 1, 1, "sha256:0", {}, {}, [])}
    made = card(payload, plan, counts, Outcome(1, 2, {"train.loss": (1, 0.5)}, None, [], []))
    head = yaml.safe_load(made.split("---\n")[1])
    assert head["library_name"] == "peft"
    assert head.get("base_model", model) == model


@pytest.mark.parametrize("place", ["models/tiny", 'some: odd #name\'s/tiny "x"'])
def test_a_card_has_no_path_of_this_machine(models: Path, tmp_path: Path, place: str) -> None:
    shutil.copytree(models / "tiny", tmp_path / place)
    local = settings(job={"model": str(tmp_path / place)}, hyperparameters={"max_steps": 1})
    made = (Bench(tmp_path / "job", models, local).train() / "README.md").read_text()
    assert str(tmp_path) not in made
    assert Path(place).name in made


def test_the_last_step_is_logged_and_evaluated_and_a_resumed_run_has_the_same_card(
    models: Path, tmp_path: Path
) -> None:
    told = Told()
    sections: dict[str, Any] = {"training.validation": EVALUATED | {"eval_steps": 5}}
    bench = Bench(tmp_path / "job", models, settings(hyperparameters={"max_steps": 7}, **sections), 9)
    first = contents(bench.train(told))
    assert [*told.metrics["val.loss"]] == [5, 7]
    assert f"- val.loss: {told.metrics['val.loss'][7]:.6g} (step 7)" in first["README.md"].decode()
    shutil.rmtree(bench.folder / "model")
    assert contents(bench.train()) == first  # it resumes after the last step


def test_a_template_that_prints_the_date_prints_the_same_in_every_run(models: Path, tmp_path: Path) -> None:
    shutil.copytree(models / "tiny", tmp_path / "dated")
    template = "{{ strftime_now('%d %b %Y %H:%M%z') }}\n" + TEMPLATE
    tiny_model.tokenizer(template).save_pretrained(tmp_path / "dated")
    told = Told()
    dated = settings(job={"model": str(tmp_path / "dated")}, hyperparameters={"max_steps": 1})
    bench = Bench(tmp_path / "job", models, dated)
    bench.train(told)
    row = TokenRows(bench.folder / "training")[0]["input_ids"].tolist()
    assert str(tiny_model.tokenizer().decode(row)).startswith("01 Jan 2026 00:00<|im_start|>")
    assert told.data("date") == {"date": "2026-01-01"}
    assert json.loads((bench.folder / "plan.json").read_bytes())["date"] == "2026-01-01"
