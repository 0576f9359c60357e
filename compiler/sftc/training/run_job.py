"""Run a job in two steps: prepare it once, then train it in each process."""

import datetime as dt
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import orjson

from sftc.contract.versions import PACKAGED
from sftc.estimate.sequences import pack
from sftc.payload.encoding import digest
from sftc.service.executor import FailedError
from sftc.training import artifacts, base_model, job_spec, tokens
from sftc.training.base_tokenizer import load_tokenizer
from sftc.training.durable import sync_tree, write_durably
from sftc.training.machine import Machine
from sftc.training.make_plan import make_plan
from sftc.training.plan import Plan
from sftc.training.prompts import Prompts, encode_prompts
from sftc.training.reporter import Reporter
from sftc.training.tracker_kinds import RunRecord

_PLAN = "plan.json"
_LOST: Final = {
    "empty": "answers have no text and no tool calls, and are left out",
    "answers": "answers are lost by the model's chat template, and are left out",
    "calls": "answers lose their tool calls by the model's chat template, and are left out",
    "texts": "answers lose the text beside their tool calls by the model's chat template",
    "thoughts": "answers lose their thoughts by the model's chat template",
    "ends": "answers are trained without an end, because the model's chat template does not mark it",
}
"""What is said about each kind of loss of `tokens.Counts`."""

_DATED: Final = "the chat template prints the date: in this job it is {} in every row"

_FEW: Final = 10
"""Optimizer steps below which a run hardly trains anything."""


def prepare_job(work: job_spec.JobSpec, machine: Machine, reporter: Reporter) -> Plan:
    """Make the plan for `machine`, tokenize the training files, and return the plan.

    The plan is kept in the job's folder. A job that resumes reuses it and skips the tokenization.

    Raises:
        FailedError: the base model or the rows are missing or broken.
        UnsupportedJobError: a setting cannot be applied on `machine`.
    """
    folder = Path(work.folder)
    if kept := _kept(work):
        return kept
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
    tokenizer, limit = loaded = load_tokenizer(base, work.payload["model"], plan.sequence_length)
    encode_prompts(plan, loaded)  # refuses those that the model cannot answer
    if "strftime_now" in str(tokenizer.chat_template):
        reporter.event("date", _DATED.format(plan.date), {"date": plan.date})
    counts = {}
    for name, path in (("training", work.training), ("validation", work.validation)):
        if path:
            counts[name] = tokens.write_tokens(
                Path(path),
                folder / name,
                tokenizer,
                plan.sequence_length or limit,
                train_on=plan.train_on,
                date=dt.date.fromisoformat(plan.date),
            )
            reporter.event("data", f"{name}: {told(counts[name])}", counts[name]._asdict())
    _report_steps(plan, folder, counts["training"].rows, reporter)
    (folder / "counts.json").write_bytes(
        orjson.dumps({name: each._asdict() for name, each in counts.items()})
    )
    sync_tree(folder)
    write_durably(folder / _PLAN, orjson.dumps(plan._asdict()))  # last: whoever finds it finds the tokens
    reporter.event("plan", _summary(plan), plan._asdict())
    return plan


def _kept(work: job_spec.JobSpec) -> Plan | None:
    """Return the plan that the job was started with, or the job that it continues."""
    path = Path(work.folder) / _PLAN
    plan = Plan(**orjson.loads(path.read_bytes())) if path.exists() else None
    return None if plan and plan.deviations and not work.options.substitutes else plan


def _report_steps(plan: Plan, folder: Path, rows: int, reporter: Reporter) -> None:
    """Report how `rows` are packed, and whether the run has too few steps to train anything."""
    sequences = rows
    if plan.packing:
        packed = pack(tokens.TokenRows(folder / "training").lengths, plan.sequence_length, plan.per_device)
        sequences, saved = len(packed.sequences), packed.unpacked_padding - packed.padding
        reporter.event(
            "data",
            f"packing: {rows:,} rows in {sequences:,} sequences of at most {packed.length:,} tokens; "
            f"{packed.padding:.1%} of a batch is padding, instead of {packed.unpacked_padding:.1%}",
            {"rows": rows, "sequences": sequences, "padding": packed.padding, "padding_saved": saved},
        )
    if (steps := plan.steps(sequences)) < _FEW:
        step = plan.per_device * plan.accumulation * plan.processes
        number = "one optimizer step" if steps == 1 else f"{steps} optimizer steps"
        unit = "sequences" if plan.packing else "rows"
        reporter.event(
            "warning",
            f"the run has only {number}, of {step:,} {unit}, which may be too "
            "few to train anything. Lower the batch or `hyperparameters.gradient_accumulation_steps`, or "
            "raise `hyperparameters.n_epochs`",
            {"steps": steps},
        )


def _base(work: job_spec.JobSpec) -> base_model.BaseModel:
    """Return the base model, or the copy that `_unpack` made of it for the job.

    Raises:
        FailedError: the base model is not on this machine, cannot be downloaded, or needs another package.
    """
    unpacked = Path(work.folder) / "base"
    if unpacked.is_dir():
        return base_model.BaseModel(str(unpacked.absolute()), None)
    folder = work.options.models
    models = Path(folder) if folder else None
    try:
        return base_model.find_base_model(work.payload["model"], models, download=work.options.download)
    except base_model.ModelNotFoundError as error:
        raise FailedError(
            f"`job.model`: {error}. Set `job.model` to a folder, pass --models-dir, or pass --allow-download"
        ) from error
    except FailedError as error:
        raise FailedError(f"`job.model`: {error}") from error


def _unpack(base: base_model.BaseModel, folder: Path) -> None:
    """Convert a GGUF model to safetensors, because transformers can neither train nor save GGUF."""
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
    try:  # in a child process, so that its memory is released
        subprocess.run(command, check=True)  # noqa: S603  it runs this package
    except subprocess.CalledProcessError as error:
        raise FailedError(f"`job.model`: converting {base.gguf} failed; see the log of the job") from error
    aside.rename(folder / "base")


def told(counts: tokens.Counts) -> str:
    """Return the statistics of a training file as one line of text."""
    trained = f"{counts.trained_tokens:,} of {counts.tokens:,} tokens"
    text = f"{counts.rows:,} of {counts.read:,} rows, {trained} are trained on"
    for number, what in (
        (counts.cut, "rows are cut to length"),
        (counts.empty, "rows have no tokens to train on and are left out"),
    ):
        text += f"; {number:,} {what}" * bool(number)
    for reason, what in _LOST.items():
        if number := counts.lost.get(reason, 0):
            lines = counts.lines[reason]
            listed = ", ".join(f"{line:,}" for line in lines[: tokens.LINES])
            listed += ", ..." * (len(lines) > tokens.LINES)
            text += f"; {number:,} {what} (line{'s' * (len(lines) > 1)} {listed})"
    return text


def _summary(plan: Plan) -> str:
    kind = ("LoRA in 4 bits" if plan.four_bit else "LoRA") if plan.adapter else "all weights"
    step = f"{plan.per_device} x {plan.accumulation} x {plan.processes} rows a step"
    return f"{kind}, {plan.precision}, {step}, learning rate {plan.learning_rate:g}"


def train_job(work: job_spec.JobSpec, reporter: Reporter) -> None:
    """Train a prepared job in this process. The process with rank 0 also writes the model."""
    from sftc.training.fit import fit  # takes seconds, and only processes that train need it

    folder, base = Path(work.folder), _base(work)
    plan = Plan(**orjson.loads((folder / _PLAN).read_bytes()))
    aside, place = folder / "model.part", folder / (f"model-{plan.name}" if plan.name else "model")
    counts = orjson.loads((folder / "counts.json").read_bytes())
    files = {name: tokens.Counts(**each) for name, each in counts.items()}
    tokenizer, _ = loaded = load_tokenizer(base, work.payload["model"], plan.sequence_length)
    ends = files["training"].ends
    prompts = Prompts(encode_prompts(plan, loaded), tokenizer, artifacts.end_tokens(Path(base.folder), ends))
    outcome = fit(plan, base, _record(work, plan, files), prompts, aside, reporter)
    if outcome is not None:
        artifacts.set_end_of_turn(aside, Path(base.folder), tokenizer, ends)
        artifacts.finish(aside, place, tokenizer, artifacts.card(work.payload, plan, files, outcome))
        reporter.done(str(place))


def _record(work: job_spec.JobSpec, plan: Plan, files: Mapping[str, tokens.Counts]) -> RunRecord:
    """Return what trackers keep of a job. It names no path of this machine."""
    facts = {
        "job": work.id,
        **({"git_revision": work.git_revision} if work.git_revision else {}),
        "payload": {**work.payload, "model": artifacts.public_name(work.payload["model"])},
        "payload_digest": digest(work.payload),
        **{f"{name}_digest": each.digest for name, each in files.items()},
    }
    folder = Path(work.folder)
    return RunRecord(plan.name or folder.name, plan.project, plan.tags, facts, folder)
