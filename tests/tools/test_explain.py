"""An account leaves nothing out: every key has a fate, every payload value an origin."""

from typing import Any

from hypothesis import given

from sftc.payload.mapping import to_payload
from sftc.pipeline import examine
from sftc.text.keys import leaves, look_up, pointer
from sftc.text.source import Source
from sftc.tools.diff import Side, changes
from sftc.tools.explain import keys, value_at, values
from support.configs import toml, valid


def side(text: str) -> Side:
    _, document, contract = examine(lambda: Source("c.toml", text))
    assert document
    assert contract
    return Side(document, contract, to_payload(contract.mapping, document.values))


@given(valid)
def test_every_key_has_a_fate_and_what_is_sent_arrives(config: dict[str, Any]) -> None:
    one = side(toml(config))
    account = list(keys(one.document, one.contract))
    assert sorted(map(str, (key.path for key in account))) == sorted(map(str, leaves(one.document.values)))
    for key in account:
        if key.to is None:
            assert key.fate in {"submission", "compiler", "dropped"}
            assert key.why
        else:
            assert value_at(one.payload, key.to) == look_up(one.document.values, key.path)


@given(valid)
def test_every_payload_value_is_accounted_for(config: dict[str, Any]) -> None:
    one = side(toml(config))
    account = {value.at: value for value in values(one.document, one.contract, one.payload)}
    assert account.keys() == {pointer(path) for path in leaves(one.payload)}
    for key in keys(one.document, one.contract):
        if key.to:
            assert account[key.to].origin.path == key.path


def test_an_unknown_key_is_dropped() -> None:
    one = side('[job]\nmodel = "m"\nlora_rank = 8\n[tags]\na = 1\n[algorithm]\nb = 2\n')
    fates = {key.path: (key.fate, bool(key.why)) for key in keys(one.document, one.contract)}
    assert fates == {
        ("job", "model"): ("sent", True),
        ("job", "lora_rank"): ("dropped", False),
        ("tags", "a"): ("dropped", False),
        ("algorithm", "b"): ("dropped", True),
    }


@given(valid, valid)
def test_a_difference_is_one_of_meaning(one: dict[str, Any], other: dict[str, Any]) -> None:
    a, b = side(toml(one)), side(toml(other))
    assert not list(changes(a, a))
    found = [change for change in changes(a, b) if change.at.startswith("/")]
    assert bool(found) == (repr(a.payload) != repr(b.payload) and _sorted(a.payload) != _sorted(b.payload))
    assert [(c.at, c.before) for c in found] == [
        (c.at, c.after) for c in changes(b, a) if c.at.startswith("/")
    ]


def _sorted(value: Any) -> Any:
    if isinstance(value, dict):
        return [(name, _sorted(value[name])) for name in sorted(value)]
    return [_sorted(each) for each in value] if isinstance(value, list) else (type(value), value)
