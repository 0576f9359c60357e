"""A job, from payload and files to a model on disk: prepared once, then trained in each process."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import orjson

from sftc.contract.versions import PACKAGED
from sftc.service.executor import FailedError
from sftc.training import artifacts, base_model, job_spec, tokens
from sftc.training.machine import Machine
from sftc.training.plan import Plan, make_plan
from sftc.training.reporter import Reporter

_LENGTH = "hyperparameters.sequence_length"


def prepare_job(work: job_spec.JobSpec, machine: Machine, reporter: Reporter) -> Plan:
    """Make the plan of a job for `machine`, and turn its files into tokens, once.

    Raises:
        FailedError: the model or the rows are missing or broken.
        UnsupportedJobError: a setting cannot be honoured.
    """
    folder = Path(work.folder)
    kept = folder / "plan.json"
    if kept.exists():
        return Plan(**orjson.loads(kept.read_bytes()))
    plan = make_plan(
        work.payload,
        PACKAGED,
        machine,
        substitutes=work.options.substitutes,
        validates=bool(work.validation),
    )
    base = _base(work)
    if base.gguf:
        _unpack(base, folder)
        base = _base(work)
    for deviation in plan.deviations:
        reporter.event("deviation", deviation)
    from transformers import AutoConfig, AutoTokenizer  # seconds: a job that is refused does without

    with base_model.loading(base):
        tokenizer: Any = AutoTokenizer.from_pretrained(base.folder, **base.options())
        config: Any = AutoConfig.from_pretrained(base.folder, **base.options())
    if not tokenizer.chat_template:
        raise FailedError(
            f"`job.model`: {work.payload['model']} has no chat template: it is not a chat model"
        )
    if not tokenizer("a")["input_ids"]:
        raise FailedError(f"`job.model`: the model in {base.folder} has no tokenizer")
    longest = config.get_text_config().max_position_embeddings
    if plan.sequence_length > longest:
        raise FailedError(
            f"`{_LENGTH}`: it is {plan.sequence_length:,}, but the model reads {longest:,} tokens"
        )
    counts = {}
    for name, path in (("training", work.training), ("validation", work.validation)):
        if path:
            counts[name] = tokens.write_tokens(
                Path(path), folder / name, tokenizer, plan.sequence_length or longest
            )
            reporter.event("data", f"{name}: {_said(counts[name])}", counts[name]._asdict())
    (folder / "counts.json").write_bytes(
        orjson.dumps({name: each._asdict() for name, each in counts.items()})
    )
    kept.write_bytes(orjson.dumps(plan._asdict()))
    reporter.event("plan", _summary(plan), plan._asdict())
    return plan


def _base(work: job_spec.JobSpec) -> base_model.BaseModel:
    """Return the base model: as it was unpacked for the job, or where it is found."""
    unpacked = Path(work.folder) / "base"
    if unpacked.is_dir():
        return base_model.BaseModel(str(unpacked.absolute()), None)
    folder = work.options.models
    return base_model.find_base_model(
        work.payload["model"], Path(folder) if folder else None, download=work.options.download
    )


def _unpack(base: base_model.BaseModel, folder: Path) -> None:
    """Write a model of GGUF as one of safetensors: as it is, transformers neither trains nor writes it."""
    aside = folder / "base.part"
    command = [
        sys.executable,
        "-P",
        "-m",
        "sftc.training.unpack_gguf",
        base.folder,
        str(base.gguf),
        str(aside),
    ]
    try:  # in a process of its own, which frees its memory
        subprocess.run(command, check=True)  # noqa: S603  it is this program
    except subprocess.CalledProcessError as error:
        raise FailedError(f"`job.model`: {base.gguf} cannot be unpacked; see the log") from error
    aside.rename(folder / "base")


def _said(counts: tokens.Counts) -> str:
    tokens = f"{counts.trained_tokens:,} of {counts.tokens:,} tokens"
    text = f"{counts.rows:,} of {counts.read:,} rows, {tokens} are trained on"
    for number, what in (
        (counts.cut, "rows are cut to length"),
        (counts.empty, "rows have no tokens to train on and are left out"),
        (counts.silent, "answers cannot be found in the output of the chat template"),
    ):
        text += f"; {number:,} {what}" * bool(number)
    return text


def _summary(plan: Plan) -> str:
    kind = ("LoRA in 4 bits" if plan.four_bit else "LoRA") if plan.adapter else "all weights"
    step = f"{plan.per_device} x {plan.accumulation} x {plan.processes} rows a step"
    return f"{kind}, {plan.precision}, {step}, learning rate {plan.learning_rate:g}"


def train_job(work: job_spec.JobSpec, reporter: Reporter) -> None:
    """Train a prepared job in this process; the first process writes the model."""
    from transformers import AutoTokenizer

    from sftc.training.fit import fit  # seconds more, for the processes that train and no other

    folder, base = Path(work.folder), _base(work)
    plan = Plan(**orjson.loads((folder / "plan.json").read_bytes()))
    aside, place = folder / "model.part", folder / "model"
    metrics = fit(plan, base, folder, aside, reporter)
    if metrics is not None:
        counts = orjson.loads((folder / "counts.json").read_bytes())
        files = {name: tokens.Counts(**each) for name, each in counts.items()}
        tokenizer = AutoTokenizer.from_pretrained(base.folder, **base.options())
        artifacts.finish(aside, place, tokenizer, artifacts.card(work.payload, plan, files, metrics))
        reporter.done(str(place))
