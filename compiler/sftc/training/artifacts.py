"""The output of a job on disk: an adapter or a full model, its tokenizer and its model card."""

import os
import shutil
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import orjson

from sftc.payload.encoding import digest, to_bytes
from sftc.training.plan import Plan
from sftc.training.tokens import Counts

_PACKAGES: Final = ("sftc", "torch", "transformers", "peft", "accelerate")
"""Packages that every job uses; the model card lists their versions."""


def finish(aside: Path, folder: Path, tokenizer: Any, card: str) -> None:
    """Add the tokenizer and the model card to the model in `aside`, then move it to `folder` atomically.

    Everything is synced to disk first, so `folder` never holds a partial model.
    """
    tokenizer.save_pretrained(aside)
    (aside / "README.md").write_text(card, encoding="utf-8")
    for path in filter(Path.is_file, aside.rglob("*")):
        with path.open("rb") as file:
            os.fsync(file.fileno())
    shutil.rmtree(folder, ignore_errors=True)
    os.replace(aside, folder)


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
    paths = (aside / "generation_config.json", base / "generation_config.json", base / "config.json")
    found = [orjson.loads(path.read_bytes()) if path.is_file() else {} for path in paths]
    config = found[0] or found[1]
    before: list[int] | int = next(
        (each["eos_token_id"] for each in found if each.get("eos_token_id") is not None), []
    )
    stops = [*dict.fromkeys([*ends, *(before if isinstance(before, list) else [before])])]
    if not stops:
        return
    config = {**config, "eos_token_id": stops[0] if len(stops) == 1 else stops}
    paths[0].write_bytes(orjson.dumps(config, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))
    if ends and "eos_token" not in str(tokenizer.chat_template):
        tokenizer.eos_token = tokenizer.convert_ids_to_tokens(ends[0])


def card(
    payload: dict[str, Any], plan: Plan, files: Mapping[str, Counts], metrics: Mapping[str, float]
) -> str:
    """Return the model card in Markdown. The same job always gives the same bytes."""
    kind = "LoRA adapter" if plan.adapter else "Fine-tuned model"
    data = "".join(f"- {name}: {each.rows:,} rows, {each.digest}\n" for name, each in files.items())
    figures = "".join(f"- {name}: {value:.6g}\n" for name, value in sorted(metrics.items()))
    deviations = "".join(f"- {each}\n" for each in plan.deviations) or "None.\n"
    packages = [*_PACKAGES, *["bitsandbytes"] * plan.four_bit, *["deepspeed"] * (plan.deepspeed >= 0)]
    versions = "".join(f"- {name} {version(name)}\n" for name in packages)
    return f"""---
base_model: {payload["model"]}
library_name: {"peft" if plan.adapter else "transformers"}
---

# {kind} of {payload["model"]}

Trained with [sftc](https://pypi.org/project/sftc/).

## Deviations from the config

{deviations}
## Final metrics

{figures}
## Training data

{data}
## Package versions

{versions}
## Payload

{digest(payload)}

```json
{to_bytes(payload).decode()}```
"""
