"""Rules about a config and the files of its base model together."""

from collections.abc import Collection, Iterator
from typing import Any, Final, NamedTuple

from sftc.checks.config import Config, Setting
from sftc.checks.rules.lora import SAVED, TARGETS
from sftc.checks.rules.run import SEQUENCE_LENGTH
from sftc.document.edits import rewrite
from sftc.findings.finding import Finding, Severity
from sftc.findings.rule import Rule
from sftc.text.keys import Path, dotted, quoted
from sftc.text.suggest import near

MODEL: Final = Setting("job.model", str)
_SHOWN: Final = 8


class ModelFacts(NamedTuple):
    """Facts from the files of a model: its modules, its longest sequence in tokens, if it is a chat model.

    `modules` are dotted names, empty if the files do not list them.
    """

    folder: str
    modules: Collection[str]
    longest: int | None
    has_chat_template: bool


def check_model(config: Config, facts: ModelFacts) -> Iterator[Finding]:
    """Yield what a config and the files of its base model show together."""
    names = {name.rpartition(".")[2] for name in facts.modules if not name.rpartition(".")[2].isdigit()}
    for setting in (TARGETS, SAVED):
        entries: Any = config.given(setting)
        for index, entry in enumerate(entries if isinstance(entries, list) and facts.modules else ()):
            if isinstance(entry, str) and not _matches(entry, facts.modules):
                yield _unknown_module(config, (*setting.path, index), entry, names)
    length = config.given(SEQUENCE_LENGTH)
    if length and facts.longest and length > facts.longest:
        message = f"`sequence_length` is {length:,}, but the model reads {facts.longest:,} tokens"
        span = config.span(SEQUENCE_LENGTH)
        help = f"write at most `sequence_length = {facts.longest}`"
        yield SEQUENCE_BEYOND_MODEL.finding(span, message, path=SEQUENCE_LENGTH.path, help=help)
    if not facts.has_chat_template:
        message = f"the tokenizer of {config.snippet(MODEL)} has no chat template: it is not a chat model"
        help = "choose the variant of the model that is made for chats, often called `-Instruct` or `-Chat`"
        yield NO_CHAT_TEMPLATE.finding(config.span(MODEL), message, path=MODEL.path, help=help)


def _matches(entry: str, modules: Collection[str]) -> bool:
    """Return whether an entry names a module as PEFT reads it: the whole name, or its last parts."""
    return any(name == entry or name.endswith(f".{entry}") for name in modules)


def _unknown_module(config: Config, path: Path, entry: str, names: Collection[str]) -> Finding:
    message = f"`{dotted(path)}`: no module of the model is called {quoted(entry)}"
    meant = near(entry, sorted(names))
    if meant:
        help, fix = f'did you mean "{meant}"?', rewrite(config.document, path, quoted(meant), safe=False)
    else:
        shown = ", ".join(f'"{name}"' for name in sorted(names)[:_SHOWN])
        help, fix = f"it has {shown}{' and others' if len(names) > _SHOWN else ''}", None
    return UNKNOWN_MODULE.finding(config.document.span(path), message, path=path, help=help, fix=fix)


UNKNOWN_MODULE = Rule(
    id="unknown-module",
    severity=Severity.ERROR,
    title="the model has no module of this name",
    why="Libraries refuse a list of modules only if none of them exists. One wrong name is skipped silently, and those layers are not trained.",
    act="Write a name that the model has.",
)

SEQUENCE_BEYOND_MODEL = Rule(
    id="sequence-beyond-model",
    severity=Severity.WARNING,
    title="the sequence is longer than the model reads",
    why="The positions beyond the limit of the model were never trained. The embedded trainer refuses such a job.",
    act="Write a smaller `sequence_length`, or choose a model with a longer context.",
)

NO_CHAT_TEMPLATE = Rule(
    id="no-chat-template",
    severity=Severity.WARNING,
    title="the base model has no chat template",
    why="The template turns the messages of a row into the text that the model is trained on. A base model without one was not made for chats, and the embedded trainer refuses it.",
    act="Choose the variant of the model that is made for chats.",
)

RULES = (UNKNOWN_MODULE, SEQUENCE_BEYOND_MODEL, NO_CHAT_TEMPLATE)
