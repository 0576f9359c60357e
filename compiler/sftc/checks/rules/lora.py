"""Rules about LoRA: whether it is on, what tunes it, and which learning rate suits it."""

from collections.abc import Iterator
from math import inf
from typing import Final

from sftc.checks.config import Config, Setting
from sftc.contract.training_kind import says_adapter
from sftc.document.edits import rewrite
from sftc.findings.finding import Finding, Severity
from sftc.findings.rule import Rule
from sftc.text.keys import ABSENT, Path, dotted

LORA: Final = Setting("training.lora", dict)
TARGETS: Final[Setting[object]] = Setting("training.lora.target_modules", str, list)
SAVED: Final = Setting("training.lora.modules_to_save", list)
MODE: Final = Setting("training.mode", str)
TRAIN_KIND: Final = Setting("hyperparameters.train_kind", str)
LEARNING_RATE: Final = Setting("hyperparameters.learning_rate", float)

_JOB = '[job]\nmodel = "Qwen/Qwen3-4B"\n\n[compute]\ngpu_type = "H100"\n\n'

_NEW = f"schema_version = 2\n\n{_JOB}"

_ADAPTERS: Final = ("lora", "qlora")
"""The modes that train an adapter."""

_ALL: Final = "all-linear"
"""The word for every linear layer, which is not the name of one."""

_SANE = {True: (1e-6, 1e-2), False: (1e-8, 1e-3)}


def trains_adapter(config: Config) -> bool:
    """Return whether the config trains an adapter, in whichever words of its version."""
    return (config.effective(MODE) or "") in _ADAPTERS


def _meaning(config: Config) -> str:
    """Return what is trained, and what decides it: the end of a message."""
    value = (
        f"is {config.snippet(MODE)}"
        if config.document.get(config.place(MODE)) is not ABSENT
        else "is not set"
    )
    trained = "an adapter is trained" if trains_adapter(config) else "all weights are trained"
    return f"`{config.key(MODE)}` {value}: {trained}"


def _contradiction(config: Config) -> Iterator[Finding]:
    document = config.document
    words = list(config.current.conflicts)
    kind = config.given(TRAIN_KIND)
    says = says_adapter(kind) if kind else None
    if says is not None and says != trains_adapter(config):
        words.append(config.place(TRAIN_KIND))
    for path in words:
        message = f"`{dotted(path)}` is {document.snippet(path)}, but {_meaning(config)}"
        help = f"only `{config.key(MODE)}` decides: change it, or change this word"
        yield CONTRADICTING_MODE.finding(document.span(path), message, path=path, help=help)


def _unused(config: Config) -> Iterator[Finding]:
    if config.given(LORA) is not None and config.effective(MODE) == "full":
        message = f"`[{config.key(LORA)}]` has no effect, because {_meaning(config)}"
        help = 'add `mode = "lora"` to `[training]`, or `mode = "qlora"` for a base model in 4 bits; to train all weights, remove the table'
        span = config.span(LORA, "key")
        yield UNUSED_ADAPTER.finding(span, message, path=LORA.path, help=help)


def _saved_and_adapted(config: Config) -> Iterator[Finding]:
    targets, saved = config.given(TARGETS), config.given(SAVED) or []
    adapted = {name for name in targets if isinstance(name, str)} if isinstance(targets, list) else set()
    for index, name in enumerate(saved):
        if isinstance(name, str) and name in adapted:
            message = f"`{name}` is in `target_modules` and in `modules_to_save`: a layer has an adapter, or is trained whole"
            path: Path = (*SAVED.path, index)
            span = config.document.span(path)
            yield ADAPTED_AND_SAVED.finding(span, message, path=path, help="remove it from one of the two")


def _all_in_array(config: Config) -> Iterator[Finding]:
    targets = config.given(TARGETS)
    if isinstance(targets, list) and _ALL in targets:
        message = f'`"{_ALL}"` in an array is the name of a layer, which no model has'
        fix = (
            rewrite(config.document, config.place(TARGETS), f'"{_ALL}"', safe=False)
            if len(targets) == 1
            else None
        )
        help = f'write `target_modules = "{_ALL}"` for every linear layer'
        span = config.span(TARGETS)
        yield ALL_IN_ARRAY.finding(span, message, path=TARGETS.path, help=help, fix=fix)


def _learning_rate(config: Config) -> Iterator[Finding]:
    rate, adapter = config.given(LEARNING_RATE), trains_adapter(config)
    low, high = _SANE[adapter]
    if rate is not None and 0 < rate < inf and not low <= rate <= high:
        kind, usual = ("LoRA", "1e-5 to 1e-3") if adapter else ("full fine-tuning", "1e-6 to 1e-4")
        message = (
            f"a learning rate of {config.snippet(LEARNING_RATE)} is outside the range that works for {kind}"
        )
        span, help = config.span(LEARNING_RATE), f"usual for {kind}: {usual}"
        yield UNLIKELY_LEARNING_RATE.finding(span, message, path=LEARNING_RATE.path, help=help)


CONTRADICTING_MODE = Rule(
    id="contradicting-mode",
    severity=Severity.WARNING,
    title="two keys contradict each other about what is trained",
    why="One key decides whether an adapter or all weights are trained: `training.mode`, or `training.use_qlora` in version 1. A word that says otherwise suggests that the run will not be the one that was meant, at another price.",
    act="Make the keys agree.",
    invalid=_JOB + '[training]\nmode = "lora"\n',
    valid=_JOB + '[training]\nmode = "lora"\nuse_qlora = true\n',
)

UNLIKELY_LEARNING_RATE = Rule(
    id="unlikely-learning-rate",
    severity=Severity.WARNING,
    title="the learning rate is far outside the usual range",
    why="An exponent that is off by one wastes the run: if the rate is too high the loss diverges, if it is too low the model does not change.",
    act="Check the exponent.",
    invalid=_JOB + "[hyperparameters]\nlearning_rate = 5.0\n",
    valid=_JOB + "[hyperparameters]\nlearning_rate = 5e-6\n",
)

UNUSED_ADAPTER = Rule(
    id="unused-adapter",
    severity=Severity.WARNING,
    title="the adapter is described, but all weights are trained",
    why="`training.mode` decides what is trained, and its default is `full`. The settings of the adapter have no effect then, and the run takes several times the memory.",
    act='Set `training.mode` to `"lora"` or `"qlora"`, or remove `[training.lora]`.',
    invalid=_NEW + "[training.lora]\nr = 16\n",
    valid=_NEW + '[training]\nmode = "lora"\n\n[training.lora]\nr = 16\n',
)

ADAPTED_AND_SAVED = Rule(
    id="adapted-and-saved",
    severity=Severity.WARNING,
    title="a layer is to have an adapter and to be trained whole",
    why="A layer that is trained whole has no use for an adapter. Libraries refuse the pair, or drop one of the two.",
    act="Keep the name in one of the two arrays.",
    invalid=_NEW
    + '[training]\nmode = "lora"\n\n[training.lora]\ntarget_modules = ["q_proj", "lm_head"]\nmodules_to_save = ["lm_head"]\n',
    valid=_NEW
    + '[training]\nmode = "lora"\n\n[training.lora]\ntarget_modules = ["q_proj"]\nmodules_to_save = ["lm_head"]\n',
)

ALL_IN_ARRAY = Rule(
    id="all-layers-in-array",
    severity=Severity.WARNING,
    title="the word for all linear layers is in an array of names",
    why="In an array each string is the name of a layer. No model has a layer of that name, so the job fails, or the layer is left out.",
    act='Write `target_modules = "all-linear"`, without brackets.',
    invalid=_NEW + '[training]\nmode = "lora"\n\n[training.lora]\ntarget_modules = ["all-linear"]\n',
    valid=_NEW + '[training]\nmode = "lora"\n\n[training.lora]\ntarget_modules = "all-linear"\n',
)

RULES = (CONTRADICTING_MODE, UNLIKELY_LEARNING_RATE, UNUSED_ADAPTER, ADAPTED_AND_SAVED, ALL_IN_ARRAY)
CHECKS = (_contradiction, _learning_rate, _unused, _saved_and_adapted, _all_in_array)
