"""Training plans: settings are applied or refused, and never substituted silently."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import sftc
from sftc.contract.versions import PACKAGED
from sftc.training.machine import Machine
from sftc.training.make_plan import UnsupportedJobError, make_plan
from sftc.training.plan import Plan

CPU = Machine("cpu", ("CPU with 2 cores",), True, frozenset({"bitsandbytes"}), cpus=2)
H100 = Machine("cuda", ("NVIDIA H100 80GB HBM3",) * 8, True, frozenset({"bitsandbytes", "deepspeed"}))
BARE = H100._replace(packages=frozenset())
OLD = H100._replace(names=("Tesla T4",), bf16=False)
APPLE = Machine("mps", ("Apple GPU",), True, frozenset())

JOB: dict[str, Any] = {"job.model": "m", "compute.gpu_type": "H100"}
LORA = JOB | {"training.use_qlora": True}
NEW = JOB | {"schema_version": 2}
LORA_OF_2 = NEW | {"training.mode": "lora"}
EVALUATED = JOB | {"training.validation.eval_steps": 5}
P = "hyperparameters.parallelism"


def payload(settings: dict[str, Any]) -> dict[str, Any]:
    """Return the payload of a config with `settings`, by dotted key."""
    compiled = sftc.compile("\n", overrides=settings)
    assert compiled.ok, compiled.findings
    return compiled.payload


def settled(
    settings: dict[str, Any], machine: Machine = H100, *, substitutes: bool = False, validates: bool = False
) -> Plan:
    return make_plan(payload(settings), PACKAGED, machine, substitutes=substitutes, validates=validates)


def refused(settings: dict[str, Any], machine: Machine = H100, *, validates: bool = False) -> list[str]:
    """Return the keys that the refusal of a job names."""
    with pytest.raises(UnsupportedJobError) as error:
        settled(settings, machine, validates=validates)
    assert all(f"`{each.key}`" in str(error.value) for each in error.value.refusals)
    return [each.key for each in error.value.refusals]


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        (LORA, {"adapter": True, "four_bit": True, "learning_rate": 2e-4}),
        (JOB, {"adapter": False, "four_bit": False, "learning_rate": 2e-5}),
        (JOB | {"training.use_qlora": False, "hyperparameters.train_kind": "fft"}, {"adapter": False}),
        (LORA | {"training.mode": "lora", "hyperparameters.train_kind": "peft"}, {"adapter": True}),
        (LORA | {"hyperparameters.learning_rate": 1}, {"learning_rate": 1}),
        (JOB | {"hyperparameters.n_epochs": 3}, {"epochs": 3}),
        (JOB, {"epochs": 1, "warmup_ratio": 0.0, "sequence_length": 0, "evaluation": "no"}),
        (JOB | {"hyperparameters.warmup_ratio": 0.1}, {"warmup_ratio": 0.1}),
        (JOB | {"hyperparameters.sequence_length": 4096}, {"sequence_length": 4096}),
        (JOB, {"precision": "fp32", "checkpointing": False, "deepspeed": -1, "fsdp": False}),
        (JOB | {f"{P}.bf16": True}, {"precision": "bf16"}),
        (JOB | {f"{P}.fp16": True, f"{P}.bf16": False}, {"precision": "fp16"}),
        (JOB | {f"{P}.activation_checkpointing": True}, {"checkpointing": True}),
        (JOB | {f"{P}.fsdp": True}, {"fsdp": True, "deepspeed": -1}),
        (JOB | {f"{P}.use_deepspeed": True, f"{P}.deepspeed_stage": 3}, {"deepspeed": 3}),
        (JOB | {f"{P}.use_deepspeed": True}, {"deepspeed": 2}),
        (JOB | {f"{P}.use_deepspeed": False, f"{P}.deepspeed_stage": 3}, {"deepspeed": -1}),
        (JOB | {f"{P}.tensor_parallel_size": 1, f"{P}.pipeline_parallel_size": 1}, {"processes": 1}),
        (JOB | {"compute.gpu_count": 8}, {"processes": 8}),
    ],
)
def test_supported_settings_are_applied(settings: dict[str, Any], expected: dict[str, Any]) -> None:
    plan = settled(settings)
    assert plan.deviations == []
    assert {name: getattr(plan, name) for name in expected} == expected


@pytest.mark.parametrize(
    ("settings", "machine", "keys"),
    [
        (JOB, CPU, ["compute.gpu_type"]),
        (JOB, OLD, ["compute.gpu_type"]),
        (JOB | {"compute.gpu_type": "A10G"}, H100, ["compute.gpu_type"]),
        (JOB | {"compute.gpu_count": 9}, H100, ["compute.gpu_count"]),
        (JOB | {"compute.gpu_type": "CPU", "compute.gpu_count": 3}, CPU, ["compute.gpu_count"]),
        (JOB | {"compute.gpu_count": 4, "compute.nodes": 2}, H100, ["compute.nodes"]),
        (JOB | {"compute.gpu_count": 8, "compute.nodes": 2}, H100, ["compute.gpu_count", "compute.nodes"]),
        (LORA, BARE, ["training.use_qlora"]),
        (LORA | {"compute.gpu_type": "Apple"}, APPLE, ["training.use_qlora"]),
        (LORA | {"training.mode": "full"}, H100, ["training.mode"]),
        (JOB | {"training.mode": "lora"}, H100, ["training.mode"]),
        (JOB | {"hyperparameters.train_kind": "peft"}, H100, ["hyperparameters.train_kind"]),
        (LORA | {"hyperparameters.train_kind": "fft"}, H100, ["hyperparameters.train_kind"]),
        (JOB | {"compute.gpu_type": "CPU", f"{P}.fp16": True}, CPU, [f"{P}.fp16"]),
        (JOB | {"compute.gpu_type": "T4", f"{P}.bf16": True}, OLD, [f"{P}.bf16"]),
        (JOB | {f"{P}.fp16": True, f"{P}.bf16": True}, H100, [f"{P}.fp16"]),
        (JOB | {f"{P}.tensor_parallel_size": 2}, H100, [f"{P}.tensor_parallel_size"]),
        (JOB | {f"{P}.pipeline_parallel_size": 2}, H100, [f"{P}.pipeline_parallel_size"]),
        (JOB | {f"{P}.zero_stage": 2}, H100, [f"{P}.zero_stage"]),
        (JOB | {f"{P}.use_deepspeed": True}, BARE, [f"{P}.use_deepspeed"]),
        (JOB | {f"{P}.use_deepspeed": True, f"{P}.fsdp": True}, H100, [f"{P}.fsdp"]),
        (JOB | {"compute.gpu_type": "CPU", f"{P}.fsdp": True}, CPU, [f"{P}.fsdp"]),
        (EVALUATED, H100, ["training.validation.save_best_model_at_end"]),
        (NEW | {"hyperparameters.optimizer": "adamw_8bit"}, BARE, ["hyperparameters.optimizer"]),
        (
            NEW | {"hyperparameters.optimizer": "adamw_8bit", f"{P}.fsdp": True},
            H100,
            ["hyperparameters.optimizer"],
        ),
        (
            NEW | {"hyperparameters.optimizer": "adamw_8bit", "compute.gpu_type": "Apple"},
            APPLE,
            ["hyperparameters.optimizer"],
        ),
        (
            NEW
            | LORA_OF_2
            | {"training.lora.target_modules": ["a", "b"], "training.lora.modules_to_save": ["b"]},
            H100,
            ["training.lora.modules_to_save"],
        ),
        (
            NEW
            | {
                "training.validation.early_stopping_patience": 3,
                "training.validation.save_best_model_at_end": False,
            },
            H100,
            ["training.validation.early_stopping_patience"],
        ),
        (
            JOB | {"hyperparameters.global_batch": 9, "hyperparameters.per_device_batch": 2},
            H100,
            ["hyperparameters.global_batch"],
        ),
        (
            JOB | {"hyperparameters.global_batch": 8, "hyperparameters.batch_size": 4},
            H100,
            ["hyperparameters.batch_size"],
        ),
        (
            JOB | {"hyperparameters.batch_size": 4, "compute.gpu_count": 8},
            H100,
            ["hyperparameters.batch_size"],
        ),
    ],
)
def test_unsupported_settings_are_refused_by_key(
    settings: dict[str, Any], machine: Machine, keys: list[str]
) -> None:
    assert refused(settings, machine) == keys


def test_settings_that_a_config_does_not_set_have_the_defaults_of_the_contract() -> None:
    plan = settled(JOB)
    assert (plan.lora_r, plan.lora_alpha, plan.lora_dropout, plan.lora_targets) == (
        16,
        32,
        0.05,
        "all-linear",
    )
    assert (plan.optimizer, plan.adam_beta1, plan.adam_beta2, plan.adam_epsilon) == (
        "adamw",
        0.9,
        0.999,
        1e-8,
    )
    assert (plan.schedule, plan.min_lr_ratio, plan.warmup_steps, plan.weight_decay) == ("linear", 0, -1, 0)
    assert (plan.max_grad_norm, plan.seed, plan.packing, plan.keep, plan.patience) == (1, 42, False, 2, 0)


def test_a_payload_with_two_warmups_is_refused() -> None:
    job = payload(NEW | {"hyperparameters.warmup_steps": 1})
    job["hyperparameters"]["warmup_ratio"] = 0.5
    with pytest.raises(UnsupportedJobError, match=r"`hyperparameters\.warmup_ratio`: it is set, but"):
        make_plan(job, PACKAGED, H100, substitutes=False, validates=False)


def test_substitutes_of_settings_that_need_packages() -> None:
    plan = settled(NEW | {"hyperparameters.optimizer": "adamw_8bit"}, BARE, substitutes=True)
    assert plan.optimizer == "adamw"
    assert "pip install 'sftc[qlora]'; trained with AdamW" in plan.deviations[0]


@pytest.mark.parametrize(
    ("setting", "key"),
    [
        ({"evaluation_strategy": "often"}, "evaluation_strategy"),
        ({"metric_for_best_model": "accuracy"}, "metric_for_best_model"),
        ({"evaluation_strategy": "no"}, "save_best_model_at_end"),
    ],
)
def test_unsupported_evaluation_settings_are_refused(setting: dict[str, Any], key: str) -> None:
    settings = JOB | {f"training.validation.{name}": value for name, value in setting.items()}
    assert refused(settings, validates=True) == [f"training.validation.{key}"]


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        ({}, ("steps", 0, True)),
        ({"eval_steps": 7}, ("steps", 7, True)),
        ({"evaluation_strategy": "epoch", "save_best_model_at_end": False}, ("epoch", 0, False)),
        ({"evaluation_strategy": "no", "save_best_model_at_end": False}, ("no", 0, False)),
        ({"enabled": False}, ("no", 0, False)),
    ],
)
def test_evaluation_settings_are_applied(setting: dict[str, Any], expected: tuple[str, int, bool]) -> None:
    settings = JOB | {"training.validation.enabled": True}
    settings |= {f"training.validation.{name}": value for name, value in setting.items()}
    plan = settled(settings, validates=True)
    assert (plan.evaluation, plan.eval_steps, plan.keep_best) == expected


def test_the_error_lists_all_refusals_and_their_substitutes() -> None:
    settings = LORA | {f"{P}.fp16": True, f"{P}.fsdp": True, "compute.nodes": 2}
    with pytest.raises(UnsupportedJobError) as error:
        settled(settings, CPU._replace(packages=frozenset()))
    assert str(error.value) == (
        "the job cannot run as configured: "
        "`compute.gpu_type`: it is H100, but this machine does not have a GPU; "
        "`compute.nodes`: the config asks for 2 machines, but there is one machine; "
        "`training.use_qlora`: weights in 4 bits need another package: pip install 'sftc[qlora]'; "
        "`hyperparameters.parallelism.fp16`: this machine has no GPU, and a CPU computes in fp32; "
        "`hyperparameters.parallelism.fsdp`: FSDP needs CUDA GPUs, and this machine has none; "
        "with --allow-substitutions: trained on the CPU with 2 cores; trained on 1; "
        "LoRA on the model as it is; trained in fp32; trained without sharding"
    )


def test_an_allowed_substitution_is_recorded_as_a_deviation() -> None:
    bare = CPU._replace(packages=frozenset())
    settings = LORA | {"compute.gpu_count": 2, f"{P}.fp16": True}
    plan = settled(settings, bare, substitutes=True)
    assert (plan.processes, plan.four_bit, plan.adapter, plan.precision) == (2, False, True, "fp32")
    assert len(plan.deviations) == 3
    assert (
        plan.deviations[0] == "`compute.gpu_type`: it is H100, but this machine does not have a GPU; "
        "trained on the CPU with 2 cores"
    )


def test_fewer_gpus_are_used_if_substitutions_are_allowed() -> None:
    plan = settled(JOB | {"compute.gpu_count": 16}, substitutes=True)
    assert plan.processes == 8


def test_a_setting_without_a_substitute_is_refused_even_if_substitutions_are_allowed() -> None:
    with pytest.raises(UnsupportedJobError) as error:
        settled(LORA | {f"{P}.tensor_parallel_size": 2, "compute.nodes": 2}, BARE, substitutes=True)
    assert [each.key for each in error.value.refusals] == [f"{P}.tensor_parallel_size"]


sizes = st.none() | st.integers(1, 64)


@given(rows=sizes, batch=sizes, device=sizes, times=sizes, gpus=st.integers(1, 8))
def test_a_step_has_the_configured_number_of_rows(
    rows: int | None, batch: int | None, device: int | None, times: int | None, gpus: int
) -> None:
    written = {
        "global_batch": rows,
        "batch_size": batch,
        "per_device_batch": device,
        "gradient_accumulation_steps": times,
    }
    settings = JOB | {"compute.gpu_count": gpus}
    settings |= {f"hyperparameters.{name}": value for name, value in written.items() if value}
    wanted = rows or batch
    try:
        plan = settled(settings)
    except UnsupportedJobError:
        assert wanted
        made = (device or 1) * (times or 1) * gpus
        assert (rows and batch and rows != batch) or wanted % made or (device and times and wanted != made)
        return
    assert plan.per_device == device or not device
    assert plan.accumulation == times or not times
    if wanted:
        assert plan.per_device * plan.accumulation * plan.processes == wanted
