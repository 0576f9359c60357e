"""Every capability answers about any text, at any place, whatever was typed before."""

import tomllib
from pathlib import Path

from hypothesis import assume, given
from hypothesis import strategies as st

from sftc.contract.targets import Target
from sftc.contract.versions import PACKAGED
from sftc.editor.client_positions import ClientPositions, LinePosition
from sftc.editor.completion import complete
from sftc.editor.hover import hover
from sftc.editor.inlay_hints import inlay_hints
from sftc.editor.open_config import LintChoices, OpenConfig
from sftc.editor.outline import OutlineNode, outline
from sftc.editor.quick_fixes import fix_all, quick_fixes
from sftc.editor.rename_key import new_name
from support.golden import cases

EXAMPLES = Path(__file__).parents[2] / "examples"
TEXTS = [path.read_text(encoding="utf-8") for path in sorted(EXAMPLES.glob("*.toml"))]
TEXTS += [(case / "config.toml").read_bytes().decode("utf-8", "replace") for case in cases("accept")]
TEXTS += [(case / "config.toml").read_bytes().decode("utf-8", "replace") for case in cases("reject")]
SHORT = [text for text in TEXTS if len(text) < 3000]


def is_toml(text: str) -> bool:
    try:
        return bool(tomllib.loads(text))
    except tomllib.TOMLDecodeError:
        return False


TYPED = st.sampled_from(
    ["", "[", "]", '"', "'''", "=", "{", "\n", "a.b", "😀", "\u2028", "\r", " = 1\n", "[job]\n"]
)
TARGETS = [PACKAGED.target(name) for name in ("sft-offline", "trl")]


@st.composite
def histories(draw: st.DrawFn) -> list[str]:
    """Draw what an editor holds, one text after the other: parts of it are removed, and others typed."""
    text = draw(st.sampled_from(SHORT))
    texts = [text]
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(text)))
        end = min(len(text), start + draw(st.integers(0, 30)))
        text = text[:start] + draw(TYPED) + text[end:]
        texts.append(text)
    return texts


@given(histories(), st.sampled_from(TARGETS), st.data())
def test_every_capability_answers(texts: list[str], target: Target, data: st.DataObject) -> None:
    config: OpenConfig | None = None
    for text in texts:
        config = OpenConfig("job.sft.toml", text, LintChoices(target), config)
    assert config
    size = len(config.source.text)
    offset = data.draw(st.integers(0, size))
    for item in complete(config, offset):
        assert item.span.start <= offset <= item.span.end
    for found in (*config.findings, *config.kept_findings):
        assert 0 <= found.span.start <= found.span.end
        assert found.span.end <= len(found.span.source.text)
    for hint in inlay_hints(config):
        assert 0 <= hint.offset <= size
    for node in outline(config):
        check_outline(node)
    shown = hover(config, offset)
    assert shown is None or (shown.text and shown.span.start <= offset <= shown.span.end)
    for each in quick_fixes(config, 0, size):
        assert each.edits
    fix_all(config)
    new_name(config, offset)
    for value in config.values.values():
        span = value.origin.span
        moved = span and config.moved(span)
        assert moved is None or (span and moved.text == span.text)


@given(st.sampled_from([text for text in SHORT if is_toml(text)]), st.data())
def test_a_completion_in_place_of_a_word_leaves_toml(text: str, data: st.DataObject) -> None:
    config = OpenConfig("job.sft.toml", text, LintChoices(TARGETS[0]))
    assume(config.places)  # a text that is nested too deep has none
    offset = data.draw(st.integers(0, len(text)))
    for item in complete(config, offset):
        if item.span.text:
            value = "0" if item.text.endswith(" = ") else ""
            written = text[: item.span.start] + item.text + value + text[item.span.end :]
            assert is_toml(written), (item, text[:offset], text[offset:])


@given(st.sampled_from([text for text in SHORT if "\r" not in text]), st.data())
def test_line_ends_of_windows_change_nothing(text: str, data: st.DataObject) -> None:
    offset = data.draw(st.integers(0, len(text)))
    place = ClientPositions(text, "utf-16").position(offset)
    unix, windows = (shown(each, place) for each in (text, text.replace("\n", "\r\n")))
    assert unix == windows


def shown(text: str, place: LinePosition) -> list[object]:
    """Return what an editor shows of a config, with a cursor at a place."""
    config = OpenConfig("job.sft.toml", text, LintChoices(TARGETS[0]))
    positions = config.positions("utf-16")
    offset = positions.offset(place)
    about = hover(config, offset)
    return [
        [(each.message, positions.position(each.span.start)) for each in config.findings],
        [(each.text, *map(positions.position, each.span[1:])) for each in complete(config, offset)],
        [(each.text, positions.position(each.offset)) for each in inlay_hints(config)],
        about and (about.text, *map(positions.position, about.span[1:])),
    ]


def check_outline(node: OutlineNode) -> None:
    """Check that each node has its name and its children inside."""
    assert node.span.start <= node.name_span.start <= node.name_span.end <= node.span.end
    for child in node.children:
        assert node.span.start <= child.span.start <= child.span.end <= node.span.end
        check_outline(child)
