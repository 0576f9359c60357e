"""Rules about the length of a run and its learning rate schedule."""

from collections.abc import Iterator
from typing import Final

from sftc.checks.config import Config, Setting
from sftc.checks.rules.evaluation import EVAL_STEPS, strategy
from sftc.findings.finding import Finding, Severity
from sftc.findings.rule import Rule
from sftc.text.plural import counted

WARMUP_RATIO: Final = Setting("hyperparameters.warmup_ratio", float)
WARMUP_STEPS: Final = Setting("hyperparameters.warmup_steps", int)
MAX_STEPS: Final = Setting("hyperparameters.max_steps", int)

_JOB = 'schema_version = 2\n\n[job]\nmodel = "Qwen/Qwen3-4B"\n\n[compute]\ngpu_type = "H100"\n\n[hyperparameters]\n'


def _two_warm_ups(config: Config) -> Iterator[Finding]:
    if config.is_set(WARMUP_STEPS) and config.is_set(WARMUP_RATIO):
        message = f"`warmup_steps` is {config.snippet(WARMUP_STEPS)} and `warmup_ratio` is {config.snippet(WARMUP_RATIO)}, but a run has one warm-up"
        span = config.span(WARMUP_STEPS, "key")
        yield TWO_WARM_UPS.finding(span, message, path=WARMUP_STEPS.path, help="remove one of the two")


def _beyond_the_end(config: Config) -> Iterator[Finding]:
    most = config.given(MAX_STEPS)
    if not most or most < 1:
        return
    steps = config.given(EVAL_STEPS) if strategy(config) == "steps" else None
    for setting, number, what in (
        (WARMUP_STEPS, config.given(WARMUP_STEPS), "so the learning rate never reaches its peak"),
        (EVAL_STEPS, steps, "so nothing is evaluated before the end"),
    ):
        if number is not None and (number > most or (setting is WARMUP_STEPS and number == most)):
            message = f"`{setting.name}` is {number:,}, but the run stops after {counted(most, 'step')} (`max_steps`), {what}"
            span = config.span(setting)
            yield BEYOND_THE_END.finding(
                span, message, path=setting.path, help=f"write less than {most}, or raise `max_steps`"
            )


TWO_WARM_UPS = Rule(
    id="two-warm-ups",
    severity=Severity.ERROR,
    title="the warm-up is set twice",
    why="`warmup_steps` is a number of steps and `warmup_ratio` a share of the run. They exclude each other.",
    act="Keep one of them.",
    invalid=_JOB + "warmup_steps = 100\nwarmup_ratio = 0.03\n",
    valid=_JOB + "warmup_steps = 100\n",
)

BEYOND_THE_END = Rule(
    id="beyond-the-end",
    severity=Severity.WARNING,
    title="something is to happen after the last step",
    why="`max_steps` ends the run. A warm-up or an evaluation that comes later does not happen.",
    act="Write a smaller number, or raise `max_steps`.",
    invalid=_JOB + "max_steps = 100\nwarmup_steps = 500\n",
    valid=_JOB + "max_steps = 100\nwarmup_steps = 10\n",
)

RULES = (TWO_WARM_UPS, BEYOND_THE_END)
CHECKS = (_two_warm_ups, _beyond_the_end)
