"""The trainer refuses every payload value that it does not read, and names it."""

from pathlib import Path
from typing import Any

import pytest

import sftc
from sftc.contract.versions import PACKAGED, Contract
from sftc.pipeline import run
from sftc.text.source import Source
from sftc.training.machine import Machine
from sftc.training.plan import KEYS, Plan, UnsupportedJobError, make_plan
from sftc.training.settings import NOTES, PayloadSettings
from support.scratch import Scratch, edit

CPU = Machine("cpu", ("CPU",), bf16=True, packages=frozenset({"bitsandbytes"}), cpus=1)
JOB = '[job]\nmodel = "m"\n[compute]\ngpu_type = "CPU"\n'
ADAPTER = """
[[rule]]
id = "adapter-rank"
from = "adapter.rank"
to = "/metadata/effective_config/adapter/rank"
op = "copy"
why = "The rank is a part of the job."

[[rule]]
id = "adapter-layers"
from = "adapter.layers"
to = "/metadata/effective_config/adapter/layers"
op = "copy"
why = "The layers are a part of the job."
"""


@pytest.fixture
def contract(tmp_path: Path) -> Contract:
    """Return a contract with a new table of two keys."""
    scratch = Scratch(tmp_path)
    keys: dict[str, Any] = {"rank": {"type": "integer"}, "layers": {"type": "array"}}
    adapter = {"type": "object", "properties": keys, "additionalProperties": False}
    edit(scratch.config(1), lambda schema: schema["properties"].update(adapter=adapter))
    edit(
        scratch.payload(1),
        lambda schema: schema["properties"]["metadata"]["properties"]["effective_config"][
            "properties"
        ].update(adapter=adapter),
    )
    with scratch.mapping(1).open("a", encoding="utf-8") as mapping:
        mapping.write(ADAPTER)
    return scratch.contracts().newest


def payload_of(text: str, contract: Contract) -> dict[str, Any]:
    from sftc.payload.mapping import check_payload, to_payload

    config = run(lambda: Source("c.toml", text)).config
    assert config
    payload = to_payload(contract.mapping, config.document.values)
    check_payload(payload, contract)
    return payload


def plan(text: str, contract: Contract, *, substitutes: bool = False) -> Plan:
    payload = payload_of(text, contract)
    return make_plan(payload, contract, CPU, substitutes=substitutes, validates=False)


def test_a_key_that_the_trainer_does_not_read_is_refused_by_name(contract: Contract) -> None:
    assert not plan(JOB, contract).deviations
    with pytest.raises(UnsupportedJobError) as refused:
        plan(JOB + "[adapter]\nrank = 8\nlayers = []\n", contract)
    assert {each.key for each in refused.value.refusals} == {"adapter.rank", "adapter.layers"}


def test_with_substitutions_an_unread_key_is_a_deviation(contract: Contract) -> None:
    made = plan(JOB + "[adapter]\nrank = 8\n", contract, substitutes=True)
    assert made.deviations == ["`adapter.rank`: the trainer does not support this key; trained without it"]


def test_the_trainer_reads_every_key_of_the_contract_except_notes() -> None:
    text = JOB + '[data.topology]\nnodes = 1\nnested = { deep = [1] }\n[algorithm]\nnote = "x"\n'
    assert not plan(text, PACKAGED.newest).deviations
    sent = {".".join(map(str, row.path)) for row in PACKAGED.newest.mapping.rows if row.path}
    tables = {"hyperparameters.parallelism"}
    assert sent - {*NOTES} - tables == {key for key in KEYS if not key.startswith((*tables,))}


def test_a_value_without_a_config_key_is_named_by_its_pointer() -> None:
    compiled = sftc.compile(JOB)
    payload = {**compiled.payload, "surprise": {"a": 1}}
    settings = PayloadSettings(payload, PACKAGED.newest)
    assert [settings[key] for key in KEYS if key in ("job.model", "compute.gpu_type")] == ["m", "CPU"]
    assert settings.unread() == ["hyperparameters.n_epochs", "/surprise/a"]
