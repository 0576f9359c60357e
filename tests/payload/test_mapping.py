"""The mapping engine, with the real contract and with changed contracts."""

import json
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given

import sftc
from sftc.pipeline import run
from sftc.text.source import Source
from support.configs import payload_of, toml, valid
from support.scratch import Scratch, edit


@given(valid)
def test_payloads_follow_the_contract(config: dict[str, Any]) -> None:
    compiled = sftc.compile(toml(config).encode())
    assert compiled.payload == payload_of(config)
    assert json.loads(compiled.to_bytes()) == payload_of(config)


def test_payloads_share_no_mutable_values() -> None:
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
def scratch(tmp_path: Path) -> Scratch:
    """Return a contract with a version 2 that equals version 1."""
    contract = Scratch(tmp_path)
    contract.add_version(2)
    return contract


def compile_with(scratch: Scratch, text: str) -> sftc.Compiled:
    return run(lambda: Source("config.toml", text), contracts=scratch.contracts())


JOB = '[job]\nmodel = "m"\n\n[compute]\ngpu_type = "H100"\n\n'


def test_a_new_key_needs_only_contract_data(scratch: Scratch) -> None:
    decay = {
        "title": "Weight decay",
        "description": "What AdamW pulls weights towards zero by, each step.",
        "type": "number",
        "minimum": 0,
        "default": 0.01,
        "examples": [0.01],
    }
    edit(scratch.config(2, "hyperparameters"), lambda s: s["properties"].update(weight_decay=decay))
    edit(
        scratch.payload(2),
        lambda s: s["properties"]["hyperparameters"]["properties"].update(weight_decay={"type": "number"}),
    )
    with scratch.mapping(2).open("a", encoding="utf-8") as mapping:
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


def test_a_new_section_needs_only_contract_data(scratch: Scratch) -> None:
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
    scratch.config(2, "lora").write_text(json.dumps(lora))
    edit(scratch.config(2), lambda s: s["properties"].update(lora={"$ref": "lora.schema.json"}))
    edit(
        scratch.payload(2),
        lambda s: s["properties"].update(lora={"$ref": "../../../config/v2/lora.schema.json"}),
    )
    with scratch.mapping(2).open("a", encoding="utf-8") as mapping:
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


def test_the_version_in_the_config_overrides_that_of_the_caller(scratch: Scratch) -> None:
    legacy = {"deprecated": True, "x-sftc": {"instead": "say nothing"}}
    edit(scratch.config(2, "compute"), lambda s: s["properties"]["gpu_type"].update(legacy))
    contracts = scratch.contracts()
    for text, version, known in [
        (JOB, None, False),
        (JOB, 1, True),
        (JOB, 2, False),
        ("schema_version = 1\n" + JOB, 2, True),
        ("schema_version = 2\n" + JOB, 1, False),
    ]:
        compiled = run(partial(Source, "c", text), version=version, contracts=contracts)
        assert (compiled.findings == ()) == known


def test_mapping_rules_that_break_the_payload_schema_raise(scratch: Scratch) -> None:
    mapping = scratch.mapping(2)
    mapping.write_text(
        mapping.read_text().replace('"/hyperparameters/n_epochs"', '"/hyperparameters/epochs"')
    )
    with pytest.raises(RuntimeError, match="breaks its schema"):
        compile_with(scratch, JOB)


def test_an_unknown_key_of_a_closed_table_is_not_sent(scratch: Scratch) -> None:
    edit(scratch.config(2, "hyperparameters.parallelism"), lambda s: s.update(additionalProperties=False))
    text = JOB + "[hyperparameters.parallelism]\nbf16 = true\nflash = true\n"
    compiled = compile_with(scratch, text)
    assert [found.id for found in compiled.findings] == ["unknown-key"]
    assert compiled.payload["hyperparameters"]["parallelism"] == {"bf16": True}
    assert "/hyperparameters/parallelism/flash" not in compiled.origins


def test_the_help_for_another_trainers_key_names_ours(scratch: Scratch) -> None:
    rank = {"title": "Rank", "description": "The rank.", "type": "integer", "x-sftc": {"also": ["lora_r"]}}
    edit(scratch.config(2, "training"), lambda s: s["properties"].update(rank=rank))
    [found] = compile_with(scratch, JOB + "[hyperparameters]\nlora_r = 8\n").findings
    assert found.help == "did you mean `training.rank`?"
    [found] = compile_with(scratch, JOB + "[hyperparameters.parallelism]\nlora_r = 8\n").findings
    assert found.help == "did you mean `training.rank`?"
