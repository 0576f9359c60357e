"""A payload read backwards names the keys that the compiler says its values come from."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from sftc.pipeline import compile
from sftc.service.pages.read_back import SentValue, sent_values
from sftc.text.keys import dotted
from support.golden import cases

SWITCH = {"training.mode", "training.use_qlora"}
"""Two keys for one thing: a payload does not say which of them the config has."""


def by_pointer(payload: Mapping[str, Any]) -> dict[str, tuple[str, SentValue]]:
    """Return what is sent, by its JSON pointer, with the section of its key."""
    return {each.at: (section, each) for section, sent in sent_values(payload, []) for each in sent}


@pytest.mark.parametrize("case", cases("accept"), ids=lambda case: case.name)
def test_a_value_is_read_back_to_the_key_that_the_compiler_read(case: Path) -> None:
    compiled = compile(case / "config.toml")
    found = by_pointer(compiled.payload)
    for at, origin in compiled.origins.items():
        whole = next(each for each in found if at == each or at.startswith(f"{each}/"))  # or a list around it
        section, sent = found[whole]
        if origin.path is None:
            assert (section, sent.key) == ("", "")
            assert sent.origin == "compiler"
        else:
            key, path = f"{section}.{sent.key.partition(' = ')[0]}".strip("."), dotted(origin.path)
            assert path.startswith(key) or {path, key} == SWITCH
            assert origin.kind != "default" or "default" in sent.origin or sent.value == "{}"


def test_what_the_submission_adds_has_no_key() -> None:
    payload = {
        "model": "m",
        "training_type": "sft_offline",
        "training_file_id": "file-1",
        "hyperparameters": {"unknown": [1, {"a": 2}]},
        "metadata": {"effective_config": {"data": {"validation_files": ["file-2"], "topology": {}}}},
    }
    found = {at: (section, each.origin) for at, (section, each) in by_pointer(payload).items()}
    assert found == {
        "/model": ("job", "config"),
        "/training_type": ("", "compiler"),
        "/training_file_id": ("", "submission"),
        "/hyperparameters/unknown": ("", "submission"),
        "/metadata/effective_config/data/validation_files": ("", "submission"),
        "/metadata/effective_config/data/topology": ("data", "config"),
    }


def test_a_finding_is_at_the_key_that_it_names_and_at_no_other() -> None:
    payload = {"model": "m", "hyperparameters": {"learning_rate": 1, "warmup_ratio": 0.1}, "metadata": {}}
    said = ["`hyperparameters.learning_rate`: too high", "`job.models` is not `learning_rate`"]
    found = {each.at: each.found for _, sent in sent_values(payload, said) for each in sent if each.found}
    assert found == {"/hyperparameters/learning_rate": (said[0],)}
