"""The payload preview: which line is which value."""

import json
from pathlib import Path

import pytest

from sftc.contract.versions import PACKAGED
from sftc.editor.open_config import LintChoices, OpenConfig
from sftc.editor.payload_preview import PreviewFolder, pointers
from sftc.text.keys import parse_pointer
from support.golden import GOLDEN, cases

CONFIGS = [case / "config.toml" for case in cases("accept") if not (case / "flags.txt").exists()]


def value_of(payload: object, pointer: str) -> object:
    for part in parse_pointer(pointer):
        payload = payload[int(part)] if isinstance(payload, list) else payload[part]  # type: ignore[index]  # JSON
    return payload


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.parent.name)
def test_each_line_has_the_pointer_of_its_value(path: Path) -> None:
    text = (path.parent / "payload.json").read_text(encoding="utf-8")
    payload, lines = json.loads(text), text.splitlines()
    found = [*pointers(text)]
    assert len(found) == len(lines)
    for line, pointer in zip(lines, found, strict=True):
        value = value_of(payload, pointer)
        end = line.rstrip(",")
        if not isinstance(value, dict | list) or not value:
            assert end.endswith(json.dumps(value)) or json.loads(end.split(": ", 1)[-1].strip()) == value
        else:
            assert end[-1] in "[{]}"


def test_two_configs_of_one_name_have_two_previews_until_the_end() -> None:
    text = (GOLDEN / "accept/minimal/config.toml").read_text(encoding="utf-8")
    config = OpenConfig("../job.sft.toml", text, LintChoices(PACKAGED.newest.target))
    folder = PreviewFolder()
    one, other = folder.of("file:///a", config).path, folder.of("file:///b", config).path
    assert one != other
    assert one.name == other.name == "job.payload.json"
    assert one.parent.parent == other.parent.parent
    assert one.read_text(encoding="utf-8") == other.read_text(encoding="utf-8") != ""
    folder.close()
    assert not one.parent.parent.exists()
