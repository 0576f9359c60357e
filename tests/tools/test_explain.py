"""`explain` covers every key and every payload value."""

from typing import Any

from hypothesis import given

from sftc.pipeline import Compiled, run
from sftc.text.keys import dotted, leaves, look_up, pointer
from sftc.text.source import Source
from sftc.tools.diff import changes
from sftc.tools.explain import keys, value_at, values
from support.configs import toml, valid


def compiled(text: str) -> Compiled:
    return run(lambda: Source("c.toml", text))


@given(valid)
def test_every_key_is_explained_and_sent_keys_are_in_the_payload(config: dict[str, Any]) -> None:
    one = compiled(toml(config))
    account = list(keys(one))
    assert sorted(map(str, (key.path for key in account))) == sorted(
        map(str, leaves(one.checked.document.values))
    )
    for key in account:
        if key.to is None:
            assert key.fate in {"submission", "compiler", "dropped"}
            assert key.why
        else:
            assert value_at(one.payload, key.to) == look_up(one.checked.document.values, key.path)


@given(valid)
def test_every_payload_value_is_explained(config: dict[str, Any]) -> None:
    one = compiled(toml(config))
    account = {value.at: value for value in values(one)}
    assert account.keys() == {pointer(path) for path in leaves(one.payload)}
    for key in keys(one):
        if key.to:
            assert account[key.to].origin.path == key.path


def test_an_unknown_key_is_dropped() -> None:
    one = compiled('[job]\nmodel = "m"\nlora_rank = 8\n[tags]\na = 1\n[algorithm]\nb = 2\n')
    fates = {key.path: (key.fate, bool(key.why)) for key in keys(one)}
    assert fates == {
        ("job", "model"): ("sent", True),
        ("job", "lora_rank"): ("dropped", False),
        ("tags", "a"): ("dropped", False),
        ("algorithm", "b"): ("dropped", True),
    }


@given(valid, valid)
def test_diff_reports_only_changes_of_meaning(one: dict[str, Any], other: dict[str, Any]) -> None:
    a, b = compiled(toml(one)), compiled(toml(other))
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


def test_an_unknown_key_in_a_table_that_is_sent_is_dropped() -> None:
    one = compiled(
        'schema_version = 2\n[job]\nmodel = "m"\n[compute]\ngpu_type = "H100"\ngpu_typ = {a = 1}\n'
        '[training]\nmode = "lora"\n[training.lora]\nr = 8\nrank = {a = [1]}\n'
        "[training.checkpoints]\nevery = 1\n[hyperparameters.parallelism]\nbf16 = true\neval_steps = 2\n"
    )
    account = [*keys(one)]
    assert {dotted(key.path) for key in account if key.fate == "dropped"} >= {"training.lora.rank.a[0]"}
    in_payload = {pointer(path) for path in leaves(one.payload)}
    assert {key.to for key in account if key.to} <= in_payload
