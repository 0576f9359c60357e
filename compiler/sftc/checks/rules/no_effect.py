"""Settings that have no effect beside another, as one table."""

from collections.abc import Callable, Iterator
from typing import Any, Final, NamedTuple

from sftc.checks.config import Config, Setting
from sftc.checks.rules.evaluation import strategy
from sftc.findings.finding import Finding, Severity
from sftc.findings.rule import Rule

OPTIMIZER: Final = Setting("hyperparameters.optimizer", str)
ADAM_BETA1: Final = Setting("hyperparameters.adam_beta1", float)
ADAM_BETA2: Final = Setting("hyperparameters.adam_beta2", float)
ADAM_EPSILON: Final = Setting("hyperparameters.adam_epsilon", float)
LR_SCHEDULER: Final = Setting("hyperparameters.lr_scheduler", str)
MIN_LR_RATIO: Final = Setting("hyperparameters.min_lr_ratio", float)
PATIENCE: Final = Setting("training.validation.early_stopping_patience", int)
MIN_DELTA: Final = Setting("training.validation.early_stopping_min_delta", float)
TRACKERS: Final = Setting("tracking.to", list)
PROJECT: Final = Setting("tracking.project", str)
PROMPTS: Final = Setting("training.samples.prompts", list)
SAMPLE_STEPS: Final = Setting("training.samples.every_steps", int)
SAMPLE_TOKENS: Final = Setting("training.samples.max_tokens", int)

_JOB = 'schema_version = 2\n\n[job]\nmodel = "Qwen/Qwen3-4B"\n\n[compute]\ngpu_type = "H100"\n\n[hyperparameters]\n'
_NO_ADAM: Final = ("adafactor", "sgd")


class _Idle(NamedTuple):
    """`setting` has no effect if `holds`, because of `reason`; `instead` is what to change."""

    setting: Setting[Any]
    holds: Callable[[Config], bool]
    reason: str
    instead: str


def _is_no_adam(config: Config) -> bool:
    return (config.effective(OPTIMIZER) or "") in _NO_ADAM


def _is_constant(config: Config) -> bool:
    return config.effective(LR_SCHEDULER) == "constant"


def _is_not_evaluated(config: Config) -> bool:
    return strategy(config) == "no"


def _is_not_patient(config: Config) -> bool:
    return not config.is_set(PATIENCE)


def _is_not_tracked(config: Config) -> bool:
    return config.effective(TRACKERS) == []


def _is_not_asked(config: Config) -> bool:
    return config.effective(PROMPTS) == []


_TABLE: Final = (
    *(
        _Idle(setting, _is_no_adam, "the optimizer is not AdamW", "remove it, or choose `adamw`")
        for setting in (ADAM_BETA1, ADAM_BETA2, ADAM_EPSILON)
    ),
    _Idle(
        MIN_LR_RATIO,
        _is_constant,
        'the learning rate is constant after the warm-up: `lr_scheduler = "constant"`',
        "remove one of the two",
    ),
    _Idle(
        PATIENCE,
        _is_not_evaluated,
        "nothing is evaluated, so the run never stops early",
        'evaluate, for example `evaluation_strategy = "epoch"`, or remove it',
    ),
    _Idle(
        MIN_DELTA,
        _is_not_patient,
        "the run does not stop early without `early_stopping_patience`",
        "add `early_stopping_patience`, or remove it",
    ),
    _Idle(
        PROJECT,
        _is_not_tracked,
        "the metrics go to no tracker",
        'name one, for example `to = ["wandb"]`, or remove it',
    ),
    *(
        _Idle(setting, _is_not_asked, "there are no prompts to answer", "add `prompts`, or remove it")
        for setting in (SAMPLE_STEPS, SAMPLE_TOKENS)
    ),
)


def _idle(config: Config) -> Iterator[Finding]:
    for setting, holds, reason, instead in _TABLE:
        if config.given(setting) is not None and holds(config):
            message = f"`{setting.name}` has no effect, because {reason}"
            span = config.span(setting, "key")
            yield NO_EFFECT.finding(span, message, path=setting.path, help=instead)


NO_EFFECT = Rule(
    id="no-effect",
    severity=Severity.WARNING,
    title="a setting has no effect beside another",
    why="The setting is sent, but another one decides that it is never used. One of the two is probably not what was meant.",
    act="Remove the setting, or change the one that the finding names.",
    invalid=_JOB + 'lr_scheduler = "constant"\nmin_lr_ratio = 0.1\n',
    valid=_JOB + 'lr_scheduler = "cosine"\nmin_lr_ratio = 0.1\n',
)

RULES = (NO_EFFECT,)
CHECKS = (_idle,)
"""The check of the table."""
