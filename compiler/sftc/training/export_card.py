"""The card of an exported model: that of the trained one, with what was made of it."""

from pathlib import Path

from sftc.version import __version__

_FRONT = "---\nlibrary_name: transformers\n---\n"
_ADAPTER = "library_name: peft\n"


def write_card(model: Path, into: Path, facts: list[str]) -> None:
    """Write the card of the model in the folder `model` to the file `into`, with a section of `facts`.

    A model that has no card gets one that has only this section.
    """
    path = model / "README.md"
    card = path.read_text(encoding="utf-8") if path.is_file() else f"{_FRONT}\n# {model.name}\n"
    if card.startswith("---\n"):  # readers of cards would load it with PEFT
        card = card.replace(_ADAPTER, "library_name: transformers\n", 1)
    lines = "".join(f"- {each}\n" for each in [*facts, f"exported by sftc {__version__}"])
    into.write_text(f"{card.rstrip()}\n\n## Export\n\n{lines}", encoding="utf-8")
