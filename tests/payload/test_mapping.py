"""The mapping engine: the contract's meaning, and contracts it has never seen."""

import json
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given

import sftc
from sftc.contract.versions import Contracts
from sftc.pipeline import run
from sftc.text.source import Source
from support.configs import payload_of, toml, valid

SCHEMAS = Path(__file__).parents[2] / "schemas" / "sftc_schemas"


@given(valid)
def test_a_payload_is_what_the_contract_says(config: dict[str, Any]) -> None:
    compiled = sftc.compile(toml(config).encode())
    assert compiled.payload == payload_of(config)
    assert json.loads(compiled.to_bytes()) == payload_of(config)


def test_a_payload_shares_nothing_with_the_next_one() -> None:
    text = '[job]\nmodel = "m"\n[data.topology]\nlist = [1]\n'
    first = sftc.compile(text)
    first.payload["metadata"]["effective_config"]["data"]["topology"]["list"].append(2)
    first.payload["metadata"]["effective_config"]["compute"]["gpu_type"] = "T4"
    second = sftc.compile('[job]\nmodel = "m"\n')
    assert second.payload["metadata"]["effective_config"] == {
        "compute": {},
        "data": {"topology": {}},
        "training": {},
    }


@pytest.fixture
def scratch(tmp_path: Path) -> Path:
    """Return a copy of the contract with version 2, which begins as version 1 was."""
    folder = tmp_path / "contract"
    shutil.copytree(SCHEMAS, folder)
    shutil.copytree(folder / "v1", folder / "v2")
    (folder / "versions.json").write_text('{"versions": [1, 2]}')
    edit(folder / "v2/config.schema.json", lambda s: s["properties"]["schema_version"].update(const=2))
    return folder


def edit(path: Path, change: Callable[[dict[str, Any]], object]) -> None:
    schema = json.loads(path.read_bytes())
    change(schema)
    path.write_text(json.dumps(schema), encoding="utf-8")


def compile_with(scratch: Path, text: str) -> sftc.Compiled:
    contracts = Contracts(lambda name: (scratch / name).read_bytes())
    return run(lambda: Source("config.toml", text), contracts=contracts)


JOB = '[job]\nmodel = "m"\n\n[compute]\ngpu_type = "H100"\n\n'


def test_a_new_key_takes_only_data(scratch: Path) -> None:
    decay = {
        "title": "Weight decay",
        "description": "What AdamW pulls weights towards zero by, each step.",
        "type": "number",
        "minimum": 0,
        "default": 0.01,
        "examples": [0.01],
    }
    folder = scratch / "v2"
    edit(folder / "hyperparameters.schema.json", lambda s: s["properties"].update(weight_decay=decay))
    edit(
        folder / "payload.schema.json",
        lambda s: s["properties"]["hyperparameters"]["properties"].update(weight_decay={"type": "number"}),
    )
    with (folder / "mapping.toml").open("a", encoding="utf-8") as mapping:
        mapping.write(
            '\n[[rule]]\nid = "decay"\nfrom = "hyperparameters.weight_decay"\n'
            'to = "/hyperparameters/weight_decay"\nop = "default"\nwhy = "The service takes it now."\n'
        )
    given_text = JOB + "[hyperparameters]\nweight_decay = 0.1\n"
    assert compile_with(scratch, given_text).payload["hyperparameters"]["weight_decay"] == 0.1
    absent = compile_with(scratch, JOB)
    assert absent.payload["hyperparameters"]["weight_decay"] == 0.01
    assert absent.origins["/hyperparameters/weight_decay"].kind == "default"
    [found] = compile_with(scratch, JOB + "[hyperparameters]\nweight_decay = -1\n").findings
    assert (found.id, found.span.line) == ("out-of-range", 8)
    [found] = compile_with(scratch, "schema_version = 1\n" + given_text).findings
    assert found.id == "unknown-key"


def test_a_new_section_takes_only_data(scratch: Path) -> None:
    folder = scratch / "v2"
    lora = {
        "title": "[lora]",
        "description": "The adapter: how large it is, and where it sits.",
        "type": "object",
        "properties": {
            "rank": {"type": "integer", "minimum": 1, "examples": [16]},
            "bias": {"enum": ["none", "all"], "default": "none"},
            "target": {"type": "string", "pattern": "^[a-z_]+$", "description": "Lower-case letters."},
            "note": {"type": "string", "minLength": 2, "description": "Two letters or more."},
        },
        "required": ["rank"],
        "additionalProperties": False,
    }
    (folder / "lora.schema.json").write_text(json.dumps(lora))
    edit(folder / "config.schema.json", lambda s: s["properties"].update(lora={"$ref": "lora.schema.json"}))
    edit(folder / "payload.schema.json", lambda s: s["properties"].update(lora={"$ref": "lora.schema.json"}))
    with (folder / "mapping.toml").open("a", encoding="utf-8") as mapping:
        for name, op in {"rank": "copy", "bias": "when-present", "target": "copy", "note": "copy"}.items():
            mapping.write(f'\n[[rule]]\nid = "lora-{name}"\nfrom = "lora.{name}"\nto = "/lora/{name}"\n')
            mapping.write(f'op = "{op}"\nwhy = "The adapter is a part of the job."\n')
    assert "lora" not in compile_with(scratch, JOB).payload
    assert compile_with(scratch, JOB + "[lora]\nrank = 8\n").payload["lora"] == {"rank": 8, "bias": "none"}
    found = compile_with(scratch, JOB + '[lora]\nbias = "some"\ntarget = "Q PROJ"\nnote = "x"\n').findings
    assert [(each.id, each.path, each.span.line) for each in found] == [
        ("missing-key", ("lora", "rank"), 7),
        ("value-not-allowed", ("lora", "bias"), 8),
        ("value-not-allowed", ("lora", "target"), 9),
        ("value-not-allowed", ("lora", "note"), 10),
    ]
    assert found[1].message == '`lora.bias` must be one of `"none"`, `"all"`, not `"some"`'
    assert found[2].help == "Lower-case letters."


def test_the_version_is_chosen_by_the_config_then_by_the_caller(scratch: Path) -> None:
    contracts = Contracts(lambda name: (scratch / name).read_bytes())
    legacy = {"deprecated": True, "x-sftc": {"instead": "say nothing"}}
    edit(scratch / "v2/compute.schema.json", lambda s: s["properties"]["gpu_type"].update(legacy))
    for text, version, known in [
        (JOB, None, False),
        (JOB, 1, True),
        (JOB, 2, False),
        ("schema_version = 1\n" + JOB, 2, True),
        ("schema_version = 2\n" + JOB, 1, False),
    ]:
        compiled = run(partial(Source, "c", text), version=version, contracts=contracts)
        assert (compiled.findings == ()) == known


def test_mapping_rules_that_break_the_payload_schema_are_a_fault_of_the_tool(scratch: Path) -> None:
    mapping = scratch / "v2/mapping.toml"
    mapping.write_text(
        mapping.read_text().replace('"/hyperparameters/n_epochs"', '"/hyperparameters/epochs"')
    )
    with pytest.raises(RuntimeError, match="breaks its schema"):
        compile_with(scratch, JOB)
