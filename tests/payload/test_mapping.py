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
    """Return a contract with version 3, which begins as version 2 was."""
    contract = Scratch(tmp_path)
    contract.add_version(3)
    return contract


def compile_with(scratch: Scratch, text: str) -> sftc.Compiled:
    return run(lambda: Source("config.toml", text), contracts=scratch.contracts())


JOB = 'schema_version = 3\n[job]\nmodel = "m"\n\n[compute]\ngpu_type = "H100"\n\n'


def test_a_new_key_needs_only_contract_data(scratch: Scratch) -> None:
    decay = {
        "title": "Decay",
        "description": "What AdamW pulls weights towards zero by, each step.",
        "type": "number",
        "minimum": 0,
        "default": 0.01,
        "examples": [0.01],
    }
    edit(scratch.config(3, "hyperparameters"), lambda s: s["properties"].update(decay=decay))
    edit(
        scratch.payload(3),
        lambda s: s["properties"]["hyperparameters"]["properties"].update(decay={"type": "number"}),
    )
    with scratch.mapping(3).open("a", encoding="utf-8") as mapping:
        mapping.write(
            '\n[[rule]]\nid = "decay"\nfrom = "hyperparameters.decay"\n'
            'to = "/hyperparameters/decay"\nop = "default"\nwhy = "The service takes it now."\n'
        )
    given_text = JOB + "[hyperparameters]\ndecay = 0.1\n"
    assert compile_with(scratch, given_text).payload["hyperparameters"]["decay"] == 0.1
    absent = compile_with(scratch, JOB)
    assert absent.payload["hyperparameters"]["decay"] == 0.01
    assert absent.origins["/hyperparameters/decay"].kind == "default"
    [found] = compile_with(scratch, JOB + "[hyperparameters]\ndecay = -1\n").findings
    assert (found.id, found.span.line) == ("out-of-range", 9)
    [found] = compile_with(scratch, given_text.replace("= 3", "= 1")).findings
    assert found.id == "newer-key"


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
    scratch.config(3, "lora").write_text(json.dumps(lora))
    edit(scratch.config(3), lambda s: s["properties"].update(lora={"$ref": "lora.schema.json"}))
    edit(
        scratch.payload(3),
        lambda s: s["properties"].update(lora={"$ref": "../../../config/v3/lora.schema.json"}),
    )
    with scratch.mapping(3).open("a", encoding="utf-8") as mapping:
        for name, op in {"rank": "copy", "bias": "when-present", "target": "copy", "note": "copy"}.items():
            mapping.write(f'\n[[rule]]\nid = "lora-{name}"\nfrom = "lora.{name}"\nto = "/lora/{name}"\n')
            mapping.write(f'op = "{op}"\nwhy = "The adapter is a part of the job."\n')
    assert "lora" not in compile_with(scratch, JOB).payload
    assert compile_with(scratch, JOB + "[lora]\nrank = 8\n").payload["lora"] == {"rank": 8, "bias": "none"}
    found = compile_with(scratch, JOB + '[lora]\nbias = "some"\ntarget = "Q PROJ"\nnote = "x"\n').findings
    assert [(each.id, each.path, each.span.line) for each in found] == [
        ("missing-key", ("lora", "rank"), 8),
        ("value-not-allowed", ("lora", "bias"), 9),
        ("value-not-allowed", ("lora", "target"), 10),
        ("value-not-allowed", ("lora", "note"), 11),
    ]
    assert found[1].message == '`lora.bias` must be one of `"none"`, `"all"`, not `"some"`'
    assert found[2].help == "Lower-case letters."


def test_the_version_is_chosen_by_the_config_then_by_the_caller_then_it_is_1(scratch: Scratch) -> None:
    job = JOB.partition("\n")[2]
    for text, version, chosen in [
        (job, None, 1),
        (job, 1, 1),
        (job, 2, 2),
        ("schema_version = 1\n" + job, 2, 1),
        ("schema_version = 2\n" + job, 1, 2),
        ("schema_version = 3\n" + job, None, 3),
    ]:
        compiled = run(partial(Source, "c", text), version=version, contracts=scratch.contracts())
        assert compiled.findings == ()
        assert compiled.checked.contract.version == chosen


def test_mapping_rules_that_break_the_payload_schema_are_a_fault_of_the_tool(scratch: Scratch) -> None:
    mapping = scratch.mapping(3)
    mapping.write_text(
        mapping.read_text().replace('"/hyperparameters/n_epochs"', '"/hyperparameters/epochs"')
    )
    with pytest.raises(RuntimeError, match="breaks its schema"):
        compile_with(scratch, JOB)


def test_an_unknown_key_of_a_closed_table_is_never_sent_even_if_the_table_is(scratch: Scratch) -> None:
    shared = scratch.config(1, "hyperparameters.parallelism")
    edit(shared, lambda s: s.update(additionalProperties=False))
    text = JOB + "[hyperparameters.parallelism]\nbf16 = true\nflash = true\n"
    compiled = compile_with(scratch, text)
    assert [found.id for found in compiled.findings] == ["unknown-key"]
    assert compiled.payload["hyperparameters"]["parallelism"] == {"bf16": True}
    assert "/hyperparameters/parallelism/flash" not in compiled.origins


def test_a_name_of_another_trainer_is_told_its_key_wherever_it_is(scratch: Scratch) -> None:
    zip = {"title": "Zip", "description": "The zip.", "type": "integer", "x-sftc": {"also": ["lora_zip"]}}
    edit(scratch.config(3, "training"), lambda s: s["properties"].update(zip=zip))
    for table in ("hyperparameters", "hyperparameters.parallelism", "data.topology"):
        [found] = compile_with(scratch, JOB + f"[{table}]\nlora_zip = 8\n").findings
        assert found.help == "did you mean `training.zip`?"
