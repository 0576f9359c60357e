"""The output of a job on disk: an adapter or a full model, its tokenizer and its model card."""

import json
import os
import shutil
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import TYPE_CHECKING, Any, Final

import orjson

from sftc.payload.encoding import digest, to_bytes
from sftc.text.plural import counted
from sftc.training.durable import sync_folder, sync_tree
from sftc.training.plan import Plan
from sftc.training.sample_file import Sample
from sftc.training.tokens import Counts

if TYPE_CHECKING:
    from sftc.training.fit import Outcome

_GENERATION: Final = "generation_config.json"

_PACKAGES: Final = ("sftc", "torch", "transformers", "peft", "accelerate")
"""Packages that every job uses; the model card lists their versions."""


def finish(aside: Path, folder: Path, tokenizer: Any, card: str) -> None:
    """Add the tokenizer and the model card to the model in `aside`, then move it to `folder` atomically.

    Everything is synced to disk first, so `folder` never holds a partial model.
    """
    tokenizer.save_pretrained(aside)
    (aside / "README.md").write_text(card, encoding="utf-8")
    sync_tree(aside)
    shutil.rmtree(folder, ignore_errors=True)
    os.replace(aside, folder)
    sync_folder(folder.parent)


def set_end_of_turn(aside: Path, base: Path, tokenizer: Any, ends: Sequence[int]) -> None:
    """Make every reader of the model in `aside` stop at the ends of turn that it was trained on.

    They are added to the end tokens of `generation_config.json`, which an adapter gets as well. The end
    token of the tokenizer becomes the most frequent of them, unless the chat template prints that token.

    Args:
        aside: the folder of the trained model.
        base: the folder of its base model.
        tokenizer: the tokenizer that is saved with the model; changed in place.
        ends: the ids of the tokens that end answers, the most frequent first.
    """
    paths = (aside / _GENERATION, base / _GENERATION, base / "config.json")
    found = [_values(path) for path in paths]
    stops = _stops(ends, found)
    if not stops:
        return
    config = {**(found[0] or found[1]), "eos_token_id": stops[0] if len(stops) == 1 else stops}
    paths[0].write_bytes(orjson.dumps(config, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))
    if ends and "eos_token" not in str(tokenizer.chat_template):
        tokenizer.eos_token = tokenizer.convert_ids_to_tokens(ends[0])


def end_tokens(model: Path, ends: Sequence[int] = ()) -> list[int]:
    """Return the ids of the tokens at which a model stops.

    Like transformers, it reads config.json only if there is no generation_config.json.

    Args:
        model: the folder of the model; of its base model while it is trained.
        ends: the ids of the tokens that end answers in the training file.
    """
    path = model / _GENERATION
    return _stops(ends, [_values(path if path.is_file() else model / "config.json")])


def _values(path: Path) -> dict[str, Any]:
    return orjson.loads(path.read_bytes()) if path.is_file() else {}


def _stops(ends: Sequence[int], configs: Sequence[Mapping[str, Any]]) -> list[int]:
    """Return the ends of turn, and the end tokens of the first config that has any."""
    before: list[int] | int = next(
        (each["eos_token_id"] for each in configs if each.get("eos_token_id") is not None), []
    )
    return [*dict.fromkeys([*ends, *(before if isinstance(before, list) else [before])])]


def card(payload: dict[str, Any], plan: Plan, files: Mapping[str, Counts], outcome: "Outcome") -> str:
    """Return the model card in Markdown. The same job always gives the same bytes.

    It names no path of this machine: of a base model in a folder, it has only the folder's name.
    """
    kind = "LoRA adapter" if plan.adapter else "Fine-tuned model"
    base, shown = public_name(payload["model"]), {**payload, "model": public_name(payload["model"])}
    front = {"base_model": base, "library_name": "peft" if plan.adapter else "transformers"}
    if plan.name:
        front["model_name"] = plan.name
    if base != payload["model"]:
        del front["base_model"]  # readers of cards look it up on the hub
    lines = {
        "Tags": [f"{_text(name)}: {_text(value)}" for name, value in sorted(plan.tags.items())],
        "Deviations from the config": [*plan.deviations, *outcome.deviations] or ["none"],
        "Steps": [_steps(outcome)],
        "Final metrics": [
            f"{name}: {value:.6g} (step {step:,})" for name, (step, value) in sorted(outcome.figures.items())
        ],
        "Training data": [
            f"{name}: {counted(each.rows, 'row')}, {each.digest}" for name, each in files.items()
        ],
        "Package versions": [f"{name} {version(name)}" for name in _packages(plan)],
    }
    sections = "".join(_section(title, each) for title, each in lines.items() if each)
    sections += _samples(outcome.samples)
    yaml = "".join(f"{name}: {_text(value)}\n" for name, value in front.items())
    replaced = " It is of the payload with the whole path of the model." * (base != payload["model"])
    return f"""---
{yaml}---

# {plan.name or kind}

{kind} of {_plain(base)}, trained with [sftc](https://pypi.org/project/sftc/).

{sections}## Payload

{digest(payload)}{replaced}

```json
{to_bytes(shown).decode()}```
"""


def _section(title: str, lines: list[str]) -> str:
    return f"## {title}\n\n" + "".join(f"- {each}\n" for each in lines) + "\n"


def _samples(samples: Sequence[Sample]) -> str:
    """Return the first and the last answer to each prompt, as code, because it is a model's text."""
    if not samples:
        return ""
    answers: dict[str, dict[int, str]] = {}
    for each in samples:
        answers.setdefault(each.prompt, {})[each.step] = each.answer
    lines = []
    for prompt, by_step in answers.items():
        lines += ["", f"    {_text(prompt)}"]
        lines += [
            f"    step {step:,}: {_text(by_step[step])}" for step in sorted({min(by_step), max(by_step)})
        ]
    return "## Samples\n" + "\n".join(lines) + "\n\n"


def _packages(plan: Plan) -> list[str]:
    return [*_PACKAGES, *["bitsandbytes"] * plan.four_bit, *["deepspeed"] * (plan.deepspeed >= 0)]


def _steps(outcome: "Outcome") -> str:
    text = f"{outcome.steps:,}"
    if outcome.steps < outcome.planned:
        text += f" of {outcome.planned:,}: the run stopped early"
    if outcome.best:
        step, loss = outcome.best
        text += f"; the model is that of step {step:,}, the best: val.loss {loss:.6g}"
    return text


def public_name(model: str) -> str:
    """Return the name of a base model; of a folder, without its place on this machine."""
    is_path = any(kind(model).is_absolute() for kind in (PurePosixPath, PureWindowsPath))
    return PureWindowsPath(model).name if is_path or model.startswith(("~", ".")) else model


def _text(value: str) -> str:
    """Return a text as a string of YAML, on one line."""
    quoted = json.dumps(value, ensure_ascii=False)
    return "".join(each if each.isprintable() else f"\\U{ord(each):08x}" for each in quoted)


def _plain(text: str) -> str:
    """Return a text on one line, for Markdown."""
    return " ".join(text.split())
