"""Every payload value has exactly one origin, and the origin is correct."""

from typing import Any

from hypothesis import given

import sftc
from sftc.contract.versions import PACKAGED
from sftc.text.keys import ABSENT, look_up
from support.configs import toml, valid


def leaves(value: Any, pointer: str = "") -> dict[str, Any]:
    children = (
        value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    )
    if not children or not value:
        return {pointer: value}
    found: dict[str, Any] = {}
    for name, child in children:
        found |= leaves(child, f"{pointer}/{str(name).replace('~', '~0').replace('/', '~1')}")
    return found


@given(valid)
def test_every_leaf_has_one_origin(config: dict[str, Any]) -> None:
    compiled = sftc.compile(toml(config).encode(), overrides={"training.mode": "set"})
    assert compiled.origins.keys() == leaves(compiled.payload).keys()
    rules = {row.id: row for row in PACKAGED.version(1).mapping.rows}
    config.setdefault("training", {})["mode"] = "set"
    for pointer, value in leaves(compiled.payload).items():
        origin = compiled.origins[pointer]
        assert origin.rule in rules
        if origin.kind in {"config", "flag"}:
            assert origin.path is not None
            assert look_up(config, origin.path) == value
            assert origin.span is not None
        elif origin.kind == "default":
            assert origin.path is not None
            assert look_up(config, origin.path) is ABSENT
            assert rules[origin.rule].value == value
        else:
            assert origin.path is None
            assert rules[origin.rule].op == "constant"
    assert compiled.origins["/metadata/effective_config/training/mode"].kind == "flag"


def test_spans_point_at_the_value() -> None:
    text = (
        '[job]\nmodel = "m"\n[hyperparameters]\nn_epochs = 3\n'
        "[hyperparameters.parallelism]\nlist = [1, {a = true}]\nempty = {}\n"
    )
    origins = sftc.compile(text, overrides={"compute.gpu_type": "H100"}).origins
    assert {
        pointer: (
            origin.kind,
            origin.span.text if origin.span else None,
            origin.span.line if origin.span else 0,
        )
        for pointer, origin in origins.items()
    } == {
        "/model": ("config", '"m"', 2),
        "/training_type": ("constant", None, 0),
        "/training_file_id": ("constant", None, 0),
        "/hyperparameters/n_epochs": ("config", "3", 4),
        "/hyperparameters/parallelism/list/0": ("config", "1", 6),
        "/hyperparameters/parallelism/list/1/a": ("config", "true", 6),
        "/hyperparameters/parallelism/empty": ("config", "{}", 7),
        "/metadata/effective_config/compute/gpu_type": ("flag", '"H100"', 1),
        "/metadata/effective_config/data/topology": ("default", None, 0),
        "/metadata/effective_config/training": ("constant", None, 0),
    }
