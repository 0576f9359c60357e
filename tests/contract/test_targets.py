"""Targets: their tables are complete and name real keys, and a config means one run."""

import re
import tomllib
from collections.abc import Iterator
from math import prod
from pathlib import Path
from typing import Any

import pytest
import tomlkit
from hypothesis import assume, given
from hypothesis import strategies as st
from jsonschema import Draft7Validator

import sftc
from sftc.checks.service_slots import slot_faults
from sftc.contract.mapping_table import MappingTable, mapping_of
from sftc.contract.operations import OPERATIONS
from sftc.contract.targets import FOLDER, RUN, Target
from sftc.contract.upgrade import Upgraded
from sftc.contract.versions import PACKAGED
from sftc.payload.mapping import to_payload
from sftc.pipeline import run
from sftc.text.keys import ABSENT, dotted, look_up
from sftc.text.source import Source
from sftc.tools.lint import lint
from sftc.training.machine import Machine
from sftc.training.make_plan import UnsupportedJobError, make_plan
from support.configs import runs
from support.scratch import Scratch

NEWEST = PACKAGED.newest
OTHERS = PACKAGED.target_names[1:]
KINDS = PACKAGED.schemas.file("mapping.schema.json")["definitions"]["rule"]["oneOf"]
MACHINE = Machine(
    "cuda",
    ("NVIDIA H100 80GB HBM3",) * 18,
    True,
    frozenset({"bitsandbytes", "deepspeed"}),
    nodes=2,
)


def result(rule: dict[str, Any], config: dict[str, Any]) -> Any:
    """Return what a rule sends for a config, `ABSENT` if nothing."""
    rules = mapping_of({"rule": [{"id": "x", "to": "/x", "why": "", **rule}]}, NEWEST.properties)
    return look_up(to_payload(rules, config), rules.rows[0].to)


def test_every_operation_is_documented_with_an_example() -> None:
    assert [kind["title"] for kind in KINDS] == list(OPERATIONS)
    assert all(kind["description"] and kind["examples"] for kind in KINDS)


@pytest.mark.parametrize(
    "example",
    [pytest.param(each, id=kind["title"]) for kind in KINDS for each in kind["examples"]],
)
def test_the_examples_of_the_operations_are_true(example: dict[str, Any]) -> None:
    assert result(example["rule"], example["config"]) == example["result"]
    rule = {**example["rule"], "why": "For the reader of an example."}
    assert not list(_faults("mapping.schema.json", {"rule": [rule]}))


def _faults(schema: str, values: Any) -> Iterator[str]:
    for error in Draft7Validator(PACKAGED.schemas.file(schema)).iter_errors(values):
        yield f"{error.json_path}: {error.message}"


numbers = st.integers(1, 10**6)
A, B = "hyperparameters.n_epochs", "hyperparameters.global_batch"


@given(numbers, numbers, st.integers(1, 9))
def test_products_and_quotients_are_those_of_whole_numbers(one: int, two: int, three: int) -> None:
    config = {"hyperparameters": {"n_epochs": one, "global_batch": two}}
    assert result({"op": "product", "of": [A, B, three]}, config) == one * two * three
    quotient = result({"op": "quotient", "of": [A], "by": [B, three]}, config)
    assert quotient == max(1, one // (two * three))
    assert result({"op": "product", "of": [A, "hyperparameters.seed"]}, config) is ABSENT
    assert result({"op": "quotient", "of": ["hyperparameters.seed"], "by": [A]}, config) is ABSENT


@given(st.decimals(0, 10, places=3), st.decimals(0, 10, places=3))
def test_products_of_decimal_numbers_are_exact(one: Any, two: Any) -> None:
    config = {"hyperparameters": {"learning_rate": float(one), "min_lr_ratio": float(two)}}
    of = ["hyperparameters.learning_rate", "hyperparameters.min_lr_ratio"]
    assert result({"op": "product", "of": of}, config) == float(one * two)


@given(numbers, st.integers(1, 20))
def test_a_divisor_divides_and_is_the_largest(value: int, most: int) -> None:
    found = result({"op": "divisor", "from": A, "most": most}, {"hyperparameters": {"n_epochs": value}})
    assert found == max(each for each in range(1, most + 1) if value % each == 0)


@given(st.lists(st.text(), min_size=1), st.text())
def test_lists_keep_every_item_in_order(items: list[str], separator: str) -> None:
    config, one = {"job": {"data": items}}, {"job": {"data": items[0]}}
    assert result({"op": "list", "from": "job.data"}, config) == items
    assert result({"op": "list", "from": "job.data"}, one) == [items[0]]
    assert result({"op": "join", "from": "job.data", "separator": separator}, config) == separator.join(items)
    each = {"op": "each", "from": "job.data", "as": "path", "with": {"type": "chat"}}
    tables = [{"path": item, "type": "chat"} for item in items]
    assert result(each, config) == tables
    named = result({**each, "name": "data_{number}"}, config)
    assert [*named.values()] == tables
    names = result({"op": "names", "from": "job.data", "name": "data_{number}", "separator": ","}, config)
    assert names.split(",") == [*named]


@given(st.floats(allow_nan=False, allow_infinity=False) | st.integers())
def test_a_whole_number_has_no_point_and_no_other_number_changes(value: float) -> None:
    found = result({"op": "whole", "from": "training.lora.alpha"}, {"training": {"lora": {"alpha": value}}})
    assert found == value
    assert isinstance(found, int) == (value == int(value))


def test_the_first_rule_that_applies_counts_and_absent_keys_send_nothing() -> None:
    rules = [
        {"from": A, "op": "copy", "unless": [{"key": B}]},
        {
            "from": "hyperparameters.seed",
            "op": "copy",
            "when": [{"key": B, "value": 2}, {"key": B, "value": 3}],
        },
        {"op": "constant", "value": "last", "when": [{"key": B}]},
    ]
    table = mapping_of(
        {"rule": [{"id": "x", "to": "/x", "why": "", **rule} for rule in rules]}, NEWEST.properties
    )

    def sent(**values: int) -> dict[str, Any]:
        return to_payload(table, {"hyperparameters": values})

    assert sent(n_epochs=1) == {"x": 1}
    assert sent() == {}
    assert sent(n_epochs=1, seed=7, global_batch=2) == {"x": 7}
    assert sent(n_epochs=1, seed=7, global_batch=4) == {"x": "last"}
    assert sent(n_epochs=1, global_batch=3) == {"x": "last"}


@pytest.mark.parametrize("name", PACKAGED.target_names)
def test_the_files_of_a_target_fit_their_schemas(name: str) -> None:
    target = tomllib.loads(PACKAGED.read(f"{FOLDER}/{name}/target.toml").decode())
    assert not list(_faults("target.schema.json", target))
    if name in OTHERS:
        assert {"command", "package", "version", "documentation"} == target["reader"].keys()
        mapping = tomllib.loads(PACKAGED.read(f"{FOLDER}/{name}/mapping.toml").decode())
        assert not list(_faults("mapping.schema.json", mapping))


@pytest.mark.parametrize("name", ["sft-offline", "fireworks", "together"])
def test_the_table_of_a_service_fits_its_schema(name: str) -> None:
    table = tomllib.loads(PACKAGED.read(f"{FOLDER}/{name}/service.toml").decode())
    assert not list(_faults("service.schema.json", table))
    assert not list(slot_faults(table))


def test_the_table_of_a_service_in_the_documentation_is_one(root: Path) -> None:
    text = (root / "docs/targets/index.md").read_text()
    [block] = re.findall(r'```toml title="mine/service.toml"\n(.*?)```', text, re.DOTALL)
    table = tomllib.loads(block)
    assert not list(_faults("service.schema.json", table))
    assert not list(slot_faults(table))


def test_the_table_of_runs_fits_the_schema() -> None:
    run = tomllib.loads(PACKAGED.read("config/v2/run.toml").decode())
    assert not list(_faults("mapping.schema.json", run))


def _names(table: MappingTable) -> set[str]:
    """Return the keys and settings of the run that a table names."""
    rows = [path for row in table.rows for path in (*row.reads, *row.asks)]
    limits = [each.path for each in table.inexpressible]
    asked = [other.path for each in table.inexpressible for other in (*each.when, *each.unless)]
    rest = [each.path for each in table.unsent] + [path for each in table.needs for path in each[:2]]
    return {dotted(path) for path in (*rows, *limits, *asked, *rest)}


KNOWN = {dotted(path) for path in NEWEST.properties}
RUNS = {f"{RUN}.{row.to[-1]}" for row in NEWEST.run_table.rows}


@pytest.mark.parametrize("name", OTHERS)
def test_a_table_names_only_keys_and_settings_of_the_run_that_exist(name: str) -> None:
    assert _names(PACKAGED.target(name).mapping) <= KNOWN | RUNS


def test_a_rule_of_the_run_names_only_keys_and_rules_before_it() -> None:
    known = KNOWN | {"training.validation"}
    for row in NEWEST.run_table.rows:
        assert {dotted(path) for path in (*row.reads, *row.asks)} <= known, row.id
        known.add(f"{RUN}.{row.to[-1]}")


@pytest.mark.parametrize("name", OTHERS)
def test_no_key_is_missing_from_a_target(name: str) -> None:
    """Each key is written, or the table says that it is not, and why."""
    target = PACKAGED.target(name)
    leaves = [path for path, schema in NEWEST.properties.items() if "properties" not in schema]
    assert [dotted(path) for path in leaves if not target.covers(path)] == []


@pytest.mark.parametrize("name", OTHERS)
def test_the_payload_schema_has_what_the_rules_write_and_nothing_else(name: str) -> None:
    target = PACKAGED.target(name)
    written = {row.to for row in target.mapping.rows}
    assert written == set(_places(target, PACKAGED.schemas.file(target.payload_schema), (), written))


def _places(target: Target, schema: Any, at: tuple[str, ...], written: set[Any]) -> Iterator[tuple[str, ...]]:
    schema, _ = target.schemas.resolve(schema, target.payload_schema)
    inner = [place for place in written if len(place) > len(at) and place[: len(at)] == at]
    assert at in written or inner, f"nothing writes {at}"
    if at in written:
        yield at
    else:
        assert schema["additionalProperties"] is False, at
    if inner:
        for name, child in schema["properties"].items():
            yield from _places(target, child, (*at, name), written)


PLANNED = {
    "adapter": "adapter",
    "four_bit": "four_bit",
    "learning_rate": "learning_rate",
    "schedule": "schedule",
    "min_lr_ratio": "min_lr_ratio",
    "optimizer": "optimizer",
    "train_on": "train_on",
    "devices": "processes",
    "per_device": "per_device",
    "accumulation": "accumulation",
    "precision": "precision",
    "checkpointing": "checkpointing",
    "fsdp": "fsdp",
    "keeps_best": "keep_best",
}
"""The settings of the run, by the names that the plan of the embedded trainer has for them."""


@given(runs)
def test_a_config_means_the_run_that_the_embedded_trainer_makes(config: dict[str, Any]) -> None:
    compiled = sftc.compile(tomlkit.dumps(config), overrides={"compute.gpu_type": "H100"})
    assume(compiled.ok)
    validates = "validation_path" in config.get("data", {})
    try:
        plan = make_plan(compiled.payload, PACKAGED, MACHINE, substitutes=False, validates=validates)
    except UnsupportedJobError:
        assume(False)
        raise
    run = look_up(NEWEST.run(Upgraded(config, {}, ())).values, (RUN,))
    assert {name: run[name] for name in PLANNED} == {
        name: getattr(plan, other) for name, other in PLANNED.items()
    }
    assert run.get("warmup_ratio", 0.0) == plan.warmup_ratio
    assert run.get("deepspeed_stage", -1) == plan.deepspeed
    assert run.get("patience", 0) == plan.patience
    evaluation = "epoch" if plan.evaluation == "steps" and not plan.eval_steps else plan.evaluation
    assert run["evaluation"] == evaluation
    assert run.get("eval_steps", 0) == (plan.eval_steps if evaluation == "steps" else 0)
    assert run["global_batch"] == prod((plan.per_device, plan.accumulation, plan.processes))


@pytest.mark.parametrize("name", OTHERS)
@given(config=runs)
def test_each_config_is_written_or_refused_by_a_finding(name: str, config: dict[str, Any]) -> None:
    compiled = sftc.compile(tomlkit.dumps(config), target=name)
    assert compiled.ok or any(found.is_error and found.span for found in compiled.findings)
    if compiled.ok:
        assert compiled.origins
        assert compiled.files("job")


@pytest.mark.parametrize("name", OTHERS)
@given(config=runs)
def test_the_older_version_is_written_as_what_it_becomes(name: str, config: dict[str, Any]) -> None:
    config = {part: values for part, values in config.items() if part in {"job", "compute"}}
    config["job"] = {key: value for key, value in config["job"].items() if key == "model"}
    older = tomlkit.dumps({**config, "schema_version": 1, "training": {"use_qlora": True}})
    newer = tomlkit.dumps({**config, "schema_version": 2, "training": {"mode": "qlora"}})
    one, two = (sftc.compile(text, target=name) for text in (older, newer))
    assert one.ok == two.ok
    if one.ok:
        assert one.payload == two.payload


MINE = """
[[rule]]
id = "model"
from = "job.model"
to = "/base"
op = "copy"
why = "The base model, for a trainer of one's own."

[[rule]]
id = "rate"
from = "run.learning_rate"
to = "/optimizer/rate"
op = "copy"
why = "The peak of the schedule, with its default."

[[cannot]]
from = "tags"
severity = "warning"
why = "This trainer keeps no tags with a run."
instead = "remove the table"

[[unsent]]
from = "schema_version"
used_by = "compiler"
why = "It chooses the version of the language."
"""


def test_a_target_is_added_with_data_alone(tmp_path: Path) -> None:
    """A folder with three files is a target: no list and no code names it."""
    scratch = Scratch(tmp_path)
    folder = scratch.folder / "targets/mine"
    folder.mkdir()
    (folder / "target.toml").write_text('title = "Mine"\n\n[[file]]\nname = "{name}.yaml"\nform = "yaml"\n')
    (folder / "mapping.toml").write_text(MINE)
    (folder / "payload.schema.json").write_text('{"type": "object", "required": ["base"]}')
    contracts = scratch.contracts()
    assert "mine" in contracts.target_names
    text = 'schema_version = 2\n[job]\nmodel = "m"\n[training]\nmode = "lora"\n[tags]\na = "b"\n'
    compiled = compile_with(text, contracts.target("mine"), scratch)
    assert compiled.files("job") == {"job.yaml": b"base: m\noptimizer:\n  rate: 0.0002\n"}
    assert [(found.id, found.span.line) for found in compiled.findings] == [("not-carried", 6)]
    origin = compiled.origins["/optimizer/rate"]
    assert (origin.kind, origin.path) == ("default", ("hyperparameters", "learning_rate"))


def compile_with(text: str, target: Target, scratch: Scratch) -> sftc.Compiled:
    return run(lambda: Source("job.toml", text), contracts=scratch.contracts(), target=target)


def test_a_contradiction_is_one_finding_for_any_targets() -> None:
    text = (
        'schema_version = 2\n[job]\nmodel = "m"\ndata = "rows.jsonl"\n'
        "[hyperparameters]\nglobal_batch = 10\nper_device_batch = 4\ngradient_accumulation_steps = 2\n"
        "[compute]\ngpu_count = 1\n"
    )
    found = lint(Source("c.toml", text), targets=[PACKAGED.target(name) for name in OTHERS])
    [said] = [each for each in found if each.path == ("hyperparameters", "global_batch")]
    assert (said.id, said.help) == (
        "no-such-run",
        "write `global_batch = 8`, leave it out, or change a factor",
    )
