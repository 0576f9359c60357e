"""Rules about LoRA: whether it is on, what tunes it, and which learning rate suits it."""

from collections.abc import Iterator
from math import inf
from typing import Final

from sftc.checks.config import Config, Setting
from sftc.contract.training_kind import says_adapter
from sftc.findings.finding import Finding, Severity
from sftc.findings.rule import Rule
from sftc.text.keys import dotted

SWITCH: Final = Setting("training.use_qlora", bool)
MODE: Final = Setting("training.mode", str)
TRAIN_KIND: Final = Setting("hyperparameters.train_kind", str)
LEARNING_RATE: Final = Setting("hyperparameters.learning_rate", float)

_JOB = '[job]\nmodel = "Qwen/Qwen3-4B"\n\n[compute]\ngpu_type = "H100"\n\n'

SETTINGS = frozenset(
    {
        *("lora", "qlora", "peft", "adapter", "lora_config", "peft_config"),
        *("lora_rank", "lora_r", "lora_alpha", "lora_dropout", "lora_bias", "lora_target_modules"),
        *("r", "rank", "alpha", "target_modules", "modules_to_save", "use_rslora", "use_dora", "use_lora"),
        *("load_in_4bit", "load_in_8bit", "bnb_4bit_quant_type", "bnb_4bit_compute_dtype"),
    }
)
"""Names of keys and tables with which other trainers tune an adapter."""

_GENERIC = frozenset({"r", "rank", "alpha", "adapter"})
"""Those that may mean something else in a table that takes any key."""

_SANE = {True: (1e-6, 1e-2), False: (1e-8, 1e-3)}


def _forwarded(config: Config) -> Iterator[Finding]:
    document, contract = config
    for table in contract.open_tables:
        values = document.get(table)
        for name in values if isinstance(values, dict) else ():
            if name.lower() not in SETTINGS - _GENERIC:
                continue
            path = (*table, name)
            message = (
                f"`{name}` is forwarded inside `[{dotted(table)}]`, where the service does not look for it"
            )
            if known := contract.other_names.get(name.lower()):
                help = f"did you mean `{dotted(known)}`?"
            else:
                help = "remove it: the service chooses rank, alpha and the like"
            yield LORA_SETTING.finding(document.span(path, "key"), message, path=path, help=help)


def _contradiction(config: Config) -> Iterator[Finding]:
    switch = config.given(SWITCH)
    for setting in (MODE, TRAIN_KIND):
        word = config.given(setting)
        says = says_adapter(word) if word else None
        if says is None or says == bool(switch):
            continue
        if switch:
            message = (
                f'`{setting.name} = "{word}"` means all weights, but `use_qlora = true` trains an adapter'
            )
        else:
            state = "is not set" if switch is None else "is false"
            message = (
                f'`{setting.name} = "{word}"` means LoRA, but `training.use_qlora` {state}: '
                "all weights are trained"
            )
        help = "only `use_qlora` decides: change it, or change this word"
        span = config.span(setting)
        yield CONTRADICTING_MODE.finding(span, message, path=setting.path, help=help)


def _learning_rate(config: Config) -> Iterator[Finding]:
    rate, adapter = config.given(LEARNING_RATE), config.given(SWITCH) is True
    low, high = _SANE[adapter]
    if rate is not None and 0 < rate < inf and not low <= rate <= high:
        kind, usual = ("LoRA", "1e-5 to 1e-3") if adapter else ("full fine-tuning", "1e-6 to 1e-4")
        message = (
            f"a learning rate of {config.snippet(LEARNING_RATE)} is outside the range that works for {kind}"
        )
        span, help = config.span(LEARNING_RATE), f"usual for {kind}: {usual}"
        yield UNLIKELY_LEARNING_RATE.finding(span, message, path=LEARNING_RATE.path, help=help)


LORA_SETTING = Rule(
    id="lora-setting",
    severity=Severity.WARNING,
    title="a LoRA setting that the service does not take",
    why="The service chooses rank, alpha and the like. It ignores what is written here, so the run uses other values than the config says.",
    act="Remove it. `training.use_qlora = true` is the only LoRA setting.",
    invalid=_JOB + "[training]\nuse_qlora = true\n\n[hyperparameters]\nlora_rank = 64\n",
    valid=_JOB + "[training]\nuse_qlora = true\n",
)

CONTRADICTING_MODE = Rule(
    id="contradicting-mode",
    severity=Severity.WARNING,
    title="the mode and the LoRA switch contradict each other",
    why="Only `training.use_qlora` turns LoRA on. A mode or kind that says otherwise suggests that the run will not be the one that was meant, at another price.",
    act="Make `training.use_qlora`, `training.mode` and `hyperparameters.train_kind` agree.",
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

RULES = (LORA_SETTING, CONTRADICTING_MODE, UNLIKELY_LEARNING_RATE)
CHECKS = (_forwarded, _contradiction, _learning_rate)
