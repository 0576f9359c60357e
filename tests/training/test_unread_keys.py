"""The trainer refuses every payload value that it does not read, and names it."""

from pathlib import Path
from typing import Any

import pytest
import tomlkit

import sftc
from sftc.contract.versions import PACKAGED, Contracts
from sftc.pipeline import run
from sftc.text.keys import Path as KeyPath
from sftc.text.keys import dotted
from sftc.text.source import Source
from sftc.training.machine import PACKAGES, Machine
from sftc.training.make_plan import KEYS, UnsupportedJobError, make_plan
from sftc.training.plan import Plan
from sftc.training.settings import NOTES, PayloadSettings
from support.scratch import Scratch, edit

CPU = Machine("cpu", ("CPU",), bf16=True, packages=frozenset({"bitsandbytes"}), cpus=1)
JOB = 'schema_version = 2\n[job]\nmodel = "m"\n[compute]\ngpu_type = "CPU"\n'
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
def contracts(tmp_path: Path) -> Contracts:
    """Return a contract with a new table of two keys."""
    scratch = Scratch(tmp_path)
    keys: dict[str, Any] = {"rank": {"type": "integer"}, "layers": {"type": "array"}}
    adapter = {"type": "object", "properties": keys, "additionalProperties": False}
    edit(scratch.config(2), lambda schema: schema["properties"].update(adapter=adapter))
    edit(
        scratch.payload(2),
        lambda schema: schema["properties"]["metadata"]["properties"]["effective_config"][
            "properties"
        ].update(adapter=adapter),
    )
    with scratch.mapping(2).open("a", encoding="utf-8") as mapping:
        mapping.write(ADAPTER)
    named = (
        scratch.mapping(2).read_text(encoding="utf-8").replace("when = [", 'when = [\n  { key = "adapter" },')
    )
    scratch.mapping(2).write_text(named, encoding="utf-8")
    return scratch.contracts()


def plan(text: str, contracts: Contracts = PACKAGED, *, substitutes: bool = False) -> Plan:
    payload = run(lambda: Source("c.toml", text), contracts=contracts).payload
    return make_plan(payload, contracts, CPU, substitutes=substitutes, validates=False)


def test_a_key_that_the_trainer_does_not_read_is_refused_by_name(contracts: Contracts) -> None:
    assert not plan(JOB, contracts).deviations
    with pytest.raises(UnsupportedJobError) as refused:
        plan(JOB + "[adapter]\nrank = 8\nlayers = []\n", contracts)
    assert {each.key for each in refused.value.refusals} == {"adapter.rank", "adapter.layers"}


def test_with_substitutions_an_unread_key_is_a_deviation(contracts: Contracts) -> None:
    made = plan(JOB + "[adapter]\nrank = 8\n", contracts, substitutes=True)
    assert made.deviations == ["`adapter.rank`: the trainer does not support this key; trained without it"]


def test_the_trainer_reads_every_key_of_version_1_except_notes() -> None:
    text = JOB + '[data.topology]\nnodes = 1\nnested = { deep = [1] }\n[algorithm]\nnote = "x"\n'
    assert not plan(text).deviations
    sent = {".".join(map(str, row.path)) for row in PACKAGED.version(1).mapping.rows if row.path}
    tables = {"hyperparameters.parallelism", "training.use_qlora"}
    assert sent - {*NOTES} - tables <= {*KEYS}


SENT = [
    path
    for path, schema in PACKAGED.newest.properties.items()
    if schema.get("type") != "object" and PACKAGED.newest.is_sent(path)
]
REFUSED: frozenset[str] = frozenset()
"""The keys that the trainer does not read, so that it refuses a payload that sets one."""


def test_only_the_listed_keys_are_refused() -> None:
    assert {dotted(path) for path in SENT if not _is_read(path)} == REFUSED
    assert _is_read(("tags", "team"))


def _is_read(path: KeyPath) -> bool:
    """Return whether the trainer names the key at `path`, or takes a payload that sets it."""
    if dotted(path) in KEYS or path in PACKAGED.version(1).properties:
        return True
    schema = PACKAGED.newest.properties.get(path, {"examples": ["x"]})
    text = tomlkit.dumps({"schema_version": 2, **_nested(path, schema["examples"][0])})
    payload = sftc.compile(text, overrides={"job.model": "m", "compute.gpu_type": "CPU"}).payload
    everything = CPU._replace(packages=frozenset(PACKAGES))
    return not make_plan(payload, PACKAGED, everything, substitutes=True, validates=True).deviations


def _nested(path: KeyPath, value: Any) -> dict[str, Any]:
    for part in reversed(path):
        value = {part: value}
    table: dict[str, Any] = value
    return table


@pytest.mark.parametrize(("mode", "four_bit"), [("lora", False), ("qlora", True)])
def test_the_mode_decides_whether_the_base_is_in_4_bits(mode: str, *, four_bit: bool) -> None:
    made = plan(f'{JOB}[training]\nmode = "{mode}"\n')
    assert (made.adapter, made.four_bit) == (True, four_bit)
    assert plan(f'{JOB}[training]\nmode = "full"\n').adapter is False


def test_a_switch_that_contradicts_the_mode_of_a_payload_is_refused() -> None:
    payload = sftc.compile(f'{JOB}[training]\nmode = "lora"\n').payload
    payload["metadata"]["effective_config"]["training"]["use_qlora"] = False
    with pytest.raises(UnsupportedJobError, match="use_qlora"):
        make_plan(payload, PACKAGED, CPU, substitutes=False, validates=False)


def test_a_value_without_a_config_key_is_named_by_its_pointer() -> None:
    compiled = sftc.compile(JOB)
    payload = {**compiled.payload, "surprise": {"a": 1}}
    settings = PayloadSettings(payload, PACKAGED)
    assert [settings[key] for key in KEYS if key in ("job.model", "compute.gpu_type")] == ["m", "CPU"]
    assert settings.unread() == ["hyperparameters.n_epochs", "/surprise/a"]


def test_the_plan_has_the_messages_to_train_on() -> None:
    assert plan(JOB).train_on == "assistant"
    assert plan(f'{JOB}[hyperparameters]\ntrain_on = "last"\n').train_on == "last"
