"""Migrating to a later version of the contract applies the renames and keeps the rest."""

import json
from pathlib import Path

import pytest

from sftc.contract.versions import PACKAGED, Contracts
from sftc.findings.finding import ConfigError
from sftc.pipeline import examine
from sftc.text.source import Source
from sftc.tools.migrate import migrate
from support.scratch import Scratch, edit

BEFORE = """\
# our best run
schema_version = 1 # pinned
[job]
model = "m"   # the model

[compute]
gpu_type = "H100"

[training]
use_qlora=true  # LoRA
[hyperparameters] # figures
n_epochs    = 3 # three is enough
# not too high
learning_rate = 1e-4
"""
AFTER = """\
# our best run
schema_version = 3 # pinned
[job]
model = "m"   # the model

[compute]
gpu_type = "H100"

[training]
adapter=true  # LoRA
[hyperparameters] # figures
# not too high
lr = 1e-4

[schedule]
epochs    = 3 # three is enough
"""


@pytest.fixture
def contracts(tmp_path: Path) -> Contracts:
    """Return three versions: the second moves a key, the third renames two."""
    scratch = Scratch(tmp_path)
    scratch.add_version(2)
    epochs = pop(scratch.config(2, "hyperparameters"), "n_epochs")
    schedule = {
        "title": "[schedule]",
        "type": "object",
        "description": "How long.",
        "properties": {"epochs": epochs},
        "additionalProperties": False,
    }
    scratch.config(2, "schedule").write_text(json.dumps(schedule))
    reference = {"$ref": "schedule.schema.json"}
    edit(scratch.config(2), lambda schema: schema["properties"].update(schedule=reference))
    rename(scratch.mapping(2), {"hyperparameters.n_epochs": "schedule.epochs"})
    scratch.add_version(3)
    for name, (old, new) in {
        "training": ("use_qlora", "adapter"),
        "hyperparameters": ("learning_rate", "lr"),
    }.items():
        pop(scratch.config(3, name), old, new)
    rename(
        scratch.mapping(3),
        {"training.use_qlora": "training.adapter", "hyperparameters.learning_rate": "hyperparameters.lr"},
    )
    return scratch.contracts()


def pop(path: Path, name: str, to: str | None = None) -> object:
    schema = json.loads(path.read_bytes())
    value = schema["properties"].pop(name)
    if to:
        schema["properties"][to] = value
    path.write_text(json.dumps(schema))
    return value


def rename(mapping: Path, names: dict[str, str]) -> None:
    text = mapping.read_text().partition("\n[[rename]]")[0]
    for old, new in names.items():
        text = text.replace(f'from = "{old}"', f'from = "{new}"')
        text += f'\n[[rename]]\nfrom = "{old}"\nto = "{new}"\nwhy = "It is clearer what it is."\n'
    mapping.write_text(text)


def test_comments_and_layout_are_kept(contracts: Contracts) -> None:
    assert migrate(Source("c", BEFORE), contracts).text == AFTER
    windows = migrate(Source("c", BEFORE.replace("\n", "\r\n")), contracts).text
    assert windows == AFTER.replace("\n", "\r\n")


def test_a_migrated_config_is_valid_and_stable(contracts: Contracts) -> None:
    findings = examine(lambda: Source("c", AFTER), contracts=contracts).findings
    assert [found.id for found in findings] == []
    assert migrate(Source("c", AFTER), contracts).text == AFTER


@pytest.mark.parametrize(
    "text",
    [
        'schema_version = 1\njob = {model = "m"}\nhyperparameters = {n_epochs = 3}\n',
        'schema_version = 1\njob.model = "m"\nhyperparameters.n_epochs = 3\n',
        'schema_version = 1\n[job]\nmodel = "m"\n["hyperparameters"]\nn_epochs = 3\n',
        BEFORE + "\n[schedule]\nepochs = 4\n",
    ],
)
def test_a_key_that_cannot_be_moved_is_reported_and_nothing_changes(contracts: Contracts, text: str) -> None:
    with pytest.raises(ConfigError) as raised:
        migrate(Source("c", text), contracts)
    [found] = raised.value.findings
    assert (found.id, found.severity) == ("renamed-key", "error")
    assert found.path == ("hyperparameters", "n_epochs")


def test_keys_move_to_the_last_header_of_a_table(contracts: Contracts) -> None:
    text = BEFORE.replace(
        "[hyperparameters] # figures", "[hyperparameters.parallelism]\n[hyperparameters] # figures"
    )
    expected = AFTER.replace(
        "[hyperparameters] # figures", "[hyperparameters.parallelism]\n[hyperparameters] # figures"
    )
    assert migrate(Source("c", text), contracts).text == expected


def test_an_unknown_version_is_not_migrated(contracts: Contracts) -> None:
    with pytest.raises(ConfigError, match="unknown-schema-version"):
        migrate(Source("c", BEFORE.replace("version = 1", "version = 99")), contracts)


def test_a_config_without_a_version_is_treated_as_the_oldest(contracts: Contracts) -> None:
    text = BEFORE.replace("schema_version = 1 # pinned\n", "")
    assert migrate(Source("c", text), contracts).text == AFTER.replace("schema_version = 3 # pinned\n", "")


def test_a_renamed_key_is_a_finding_with_a_safe_fix(contracts: Contracts) -> None:
    text = BEFORE.replace("schema_version = 1 # pinned\n", "")
    findings = examine(lambda: Source("c", text), contracts=contracts).findings
    renamed = {found.path: found for found in findings if found.id == "renamed-key"}
    assert renamed.keys() == {("training", "use_qlora"), ("hyperparameters", "learning_rate")}
    assert all(found.fix and found.fix.safe for found in renamed.values())


def test_with_one_version_there_is_nothing_to_do() -> None:
    assert migrate(Source("c", BEFORE), PACKAGED).text == BEFORE


def test_invalid_toml_is_not_migrated(contracts: Contracts) -> None:
    with pytest.raises(ConfigError):
        migrate(Source("c", "a = "), contracts)
