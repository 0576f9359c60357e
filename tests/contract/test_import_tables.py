"""The import tables: they fit their schema, name real keys, and say of each key once what becomes of it."""

import tomllib
from collections import Counter
from typing import Any

import pytest
from jsonschema import Draft7Validator

from sftc.contract.import_table import ANY, has_import_table
from sftc.contract.inverse import Backwards, Wanted, same
from sftc.contract.targets import FOLDER, RUN
from sftc.contract.versions import PACKAGED
from sftc.tools.import_config import importable

NEWEST = PACKAGED.newest
TRAINERS = importable(PACKAGED)
each_trainer = pytest.mark.parametrize("name", TRAINERS)


def written(name: str) -> dict[str, Any]:
    return tomllib.loads(PACKAGED.read(f"{FOLDER}/{name}/import.toml").decode())


def test_three_trainers_can_be_imported() -> None:
    assert {*TRAINERS} == {"axolotl", "llamafactory", "trl"}
    assert not has_import_table(PACKAGED.read, "together")


@each_trainer
def test_a_table_fits_its_schema(name: str) -> None:
    validator = Draft7Validator(PACKAGED.schemas.file("import.schema.json"))
    assert [error.message for error in validator.iter_errors(written(name))] == []


@each_trainer
def test_a_table_names_only_keys_that_the_trainer_has_or_had(name: str) -> None:
    table = TRAINERS[name]
    tops = {key[0] for key in table.fields} | {key[0] for key in table.aliases}
    rows: list[Any] = [*table.forms, *table.meant, *table.own, *table.labels]
    named = [each.path for each in rows]
    named += [*table.aliases.values()] + [each.folder for each in table.labels]
    asking: list[Any] = [*table.meant, *table.open]
    conditions = [each.path for row in asking for each in (*row.when, *row.unless)]
    assert {key[0] for key in (*named, *conditions)} <= tops


@each_trainer
def test_an_own_row_decides_something_that_exists(name: str) -> None:
    runs = {(RUN, *row.to) for row in NEWEST.run_table.rows}
    assert {row.to for row in TRAINERS[name].own} <= {*NEWEST.properties} | runs
    assert {*TRAINERS[name].stated} <= {*NEWEST.properties}
    assert {each.path for each in TRAINERS[name].open if each.path} <= {*NEWEST.properties}


@each_trainer
def test_no_key_has_two_entries(name: str) -> None:
    table = written(name)
    keys = [key for entries in (table["loss"], table["idle"]) for each in entries for key in each["keys"]]
    assert [key for key, number in Counter(keys).items() if number > 1] == []


@each_trainer
def test_every_value_of_a_form_is_one_that_the_target_writes_or_knows(name: str) -> None:
    """A form that nothing reads would lose the value silently."""
    target = PACKAGED.target(name)
    root = target.facts.files[0].at
    for form in TRAINERS[name].forms:
        rows = [row for row in target.mapping.rows if row.to == (*root, *form.path)]
        if not rows or any(row.op == "copy" and row.path[0] != RUN for row in rows):
            continue
        tables = Backwards(target, NEWEST)
        for value in form.values.values():
            assert any(tables.sources(row, [value]) is not None for row in rows), (form.path, value)


def test_what_a_trainer_knows() -> None:
    table = TRAINERS["axolotl"]
    assert table.knows(("datasets", 0, "path"))
    assert not table.knows(("datasets", 0, "pth"))
    assert table.knows(("deepspeed", "zero_optimization", "stage"))
    assert table.knows(("lr_scheduler_kwargs", "anything"))
    assert not table.knows(("nothing", "like", "it"))
    assert table.default(("lora_dropout",)) == 0.0
    assert table.default(("datasets", 3, "trust_remote_code")) is False
    assert ANY == "*"


@pytest.mark.parametrize(
    ("to", "value", "key", "made"),
    [
        ("model_name_or_path", "m", "job.model", "m"),
        ("max_length", "512", "hyperparameters.sequence_length", 512),
        ("num_train_epochs", 3.0, "hyperparameters.n_epochs", 3),
        ("warmup_steps", 20, "hyperparameters.warmup_steps", 20),
        ("warmup_steps", 0.5, "hyperparameters.warmup_ratio", 0.5),
        ("optim", "sgd", "hyperparameters.optimizer", "sgd"),
        ("use_peft", True, "training.mode", "lora"),
        ("report_to", "wandb", "tracking.to", ["wandb"]),
        ("num_processes", 8, "compute.gpu_count", 8),
        ("bf16", True, "hyperparameters.parallelism.bf16", True),
        ("assistant_only_loss", "false", "hyperparameters.train_on", None),
        ("optim", "lion", "hyperparameters.optimizer", None),
        ("lora_r", 0, "training.lora.r", None),
    ],
)
def test_a_value_is_read_back(to: str, value: Any, key: str, made: Any) -> None:
    tables = Backwards(PACKAGED.target("trl"), NEWEST)
    values, decided = tables.invert([Wanted((to,), value, (to,))])
    assert values.get(tuple(key.split("."))) == made
    assert made is None or tuple(key.split(".")) in decided[to,]


def test_what_others_decide_comes_first() -> None:
    tables = Backwards(PACKAGED.target("trl"), NEWEST)
    wanted = [
        Wanted(("output_dir",), "folder", ("output_dir",), weak=True),
        Wanted(("run_name",), "name", ("run_name",)),
        Wanted(("load_in_4bit",), False, ("load_in_4bit",), is_given=False),
        Wanted(("use_peft",), True, ("use_peft",)),
    ]
    values = tables.invert(wanted).values
    assert (values["job", "name"], values["training", "mode"]) == ("name", "lora")


@pytest.mark.parametrize(
    ("one", "other", "equal"),
    [
        (1, 1.0, True),
        ("1e-4", 0.0001, True),
        (True, 1, False),
        (None, False, False),
        (["a"], "a", True),
        (["a", "b"], ["a"], False),
        ({"a": 1}, {"a": 1.0}, True),
        ({"a": 1}, {"b": 1}, False),
        ("a", 1, False),
        (10**400, "x", False),
    ],
)
def test_values_that_mean_the_same(one: Any, other: Any, equal: bool) -> None:  # noqa: FBT001
    assert same(one, other) == same(other, one) == equal
