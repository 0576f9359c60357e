"""The card of an exported model: that of the trained one, with what was made of it."""

import re
from pathlib import Path
from typing import Final

from sftc.version import __version__

_WITHOUT: Final = "---\nlibrary_name: transformers\n---\n\n# {}\n"
"""What precedes the section if the trained model has no card."""

_OF_ADAPTERS: Final = {
    r'^library_name: "?peft"?$': 'library_name: "transformers"',  # readers of cards would load it with PEFT
    r"^(# )?LoRA adapter\b": r"\1Merged LoRA adapter",
}
"""What the card of an adapter says that is not so of a merged model."""


def write_card(model: Path, into: Path, facts: list[str]) -> None:
    """Write the card of the model in the folder `model` to the file `into`, with a section of `facts`."""
    path = model / "README.md"
    card = path.read_text(encoding="utf-8") if path.is_file() else _WITHOUT.format(model.name)
    for pattern, text in _OF_ADAPTERS.items():
        card = re.sub(pattern, text, card, flags=re.MULTILINE)
    lines = "".join(f"- {each}\n" for each in [*facts, f"exported by sftc {__version__}"])
    into.write_text(f"{card.rstrip()}\n\n## Export\n\n{lines}", encoding="utf-8")
