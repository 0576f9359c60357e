"""Rules about evaluation during training: whether it runs, on what, and which model is best."""

import re
from collections.abc import Iterator
from typing import Final

from sftc.checks.config import Config, Setting
from sftc.checks.rules.data import VALIDATION_PATH, validation_file
from sftc.document.edits import rewrite
from sftc.findings.finding import Finding, Severity
from sftc.findings.rule import Rule
from sftc.text.suggest import near

VALIDATION: Final = Setting("training.validation", dict)
ENABLED: Final = Setting("training.validation.enabled", bool)
STRATEGY: Final = Setting("training.validation.evaluation_strategy", str)
EVAL_STEPS: Final = Setting("training.validation.eval_steps", int)
SAVE_BEST: Final = Setting("training.validation.save_best_model_at_end", bool)
METRIC: Final = Setting("training.validation.metric_for_best_model", str)
GREATER_IS_BETTER: Final = Setting("training.validation.greater_is_better", bool)

_JOB = '[job]\nmodel = "Qwen/Qwen3-4B"\n\n[compute]\ngpu_type = "H100"\n\n'
_FILE = '[data]\nvalidation_path = "val.jsonl"\n\n'
_VALIDATION = f"{_JOB}{_FILE}[training.validation]\n"

_LESS_IS_BETTER = frozenset(
    {"loss", "perplexity", "ppl", "error", "wer", "cer", "nll", "mse", "mae", "rmse", "entropy"}
)
_MORE_IS_BETTER = frozenset(
    {"accuracy", "acc", "f1", "score", "reward", "match", "auc", "recall", "precision", "mcc", "em"}
)
_FAMILIES_MORE = ("rouge", "bleu", "f1")
_STRATEGIES = ("steps", "epoch", "no")
_OTHER_WORDS = {
    **dict.fromkeys(("", "none", "off", "never", "false", "disable", "disabled", "null", "skip"), "no"),
    **dict.fromkeys(("step", "iters", "iterations", "per_steps", "every_steps"), "steps"),
    **dict.fromkeys(("per_epoch", "every_epoch", "each_epoch", "epoch_end"), "epoch"),
}
"""What other programs call the strategies."""


def strategy(config: Config) -> str | None:
    """Return what triggers an evaluation: a strategy, `no`, or `None` if it is not a string."""
    if config.given(VALIDATION) is None or config.effective(ENABLED) is not True:
        return "no"
    return config.effective(STRATEGY)


def _runs(config: Config) -> bool:
    return strategy(config) != "no"


def _never(config: Config) -> Iterator[Finding]:
    if strategy(config) == "steps" and config.effective(EVAL_STEPS) == 0:
        message = "`evaluation_strategy` is `steps` and `eval_steps` is 0, so no interval is set"
        help = 'set the interval, for example `eval_steps = 20`, or `evaluation_strategy = "epoch"`'
        span = config.span(EVAL_STEPS)
        yield EVALUATION_NEVER_RUNS.finding(span, message, path=EVAL_STEPS.path, help=help)


def _unused_steps(config: Config) -> Iterator[Finding]:
    chosen, steps = config.given(STRATEGY), config.given(EVAL_STEPS)
    if _runs(config) and steps and chosen and _meant(chosen) != "steps":
        message = f'`eval_steps` has no effect with `evaluation_strategy = "{chosen}"`'
        span = config.span(EVAL_STEPS)
        yield UNUSED_EVAL_STEPS.finding(span, message, path=EVAL_STEPS.path, help="remove one of the two")


def _without_file(config: Config) -> Iterator[Finding]:
    if _runs(config) and not validation_file(config):
        message = "`[training.validation]` asks for evaluation, but the config names no validation file"
        help = "set `data.validation_path`, or name the file at submission"
        span = config.span(VALIDATION, "key")
        yield VALIDATION_WITHOUT_FILE.finding(span, message, path=VALIDATION.path, help=help)


def _without_table(config: Config) -> Iterator[Finding]:
    if validation_file(config) and not config.is_set(VALIDATION):
        message = (
            "a validation file is named, but without `[training.validation]` no evaluation setting is sent"
        )
        help = "add `[training.validation]` with `eval_steps`"
        span = config.span(VALIDATION_PATH)
        yield FILE_WITHOUT_VALIDATION.finding(span, message, path=VALIDATION_PATH.path, help=help)


def _reversed(config: Config) -> Iterator[Finding]:
    metric, greater = config.effective(METRIC), config.effective(GREATER_IS_BETTER)
    if not _runs(config) or config.effective(SAVE_BEST) is not True or metric is None:
        return
    # The last word is what is measured: an accuracy loss is a loss.
    word = re.split(r"[._/\s-]", metric.lower())[-1]
    more = word in _MORE_IS_BETTER or word.startswith(_FAMILIES_MORE)
    if (greater is True and word in _LESS_IS_BETTER) or (greater is False and more):
        better = "lower" if greater else "higher"
        message = f"a {better} `{metric}` is better, but `greater_is_better` is {str(greater).lower()}"
        help = f"write `greater_is_better = {str(not greater).lower()}`: otherwise the worst model is kept as the best"
        span = config.span(GREATER_IS_BETTER)
        yield BEST_MODEL_REVERSED.finding(span, message, path=GREATER_IS_BETTER.path, help=help)


def _meant(word: str) -> str | None:
    """Return the strategy that `word` is, or is another word or another spelling for."""
    return word if word in _STRATEGIES else _other_word(word) or near(word, _STRATEGIES)


def _other_word(word: str) -> str | None:
    return _OTHER_WORDS.get(word.strip().lower())


def _misspelt(config: Config) -> Iterator[Finding]:
    word = config.given(STRATEGY)
    if word is None or word in _STRATEGIES:
        return
    other = _other_word(word)
    if meant := _meant(word):
        message = f"`{word or config.snippet(STRATEGY)}` looks like {'another word for' if other else 'a misspelt'} `{meant}`"
        fix = rewrite(config.document, STRATEGY.path, f'"{meant}"', safe=False)
        help, span = f'did you mean "{meant}"?', config.span(STRATEGY)
        yield MISSPELT_STRATEGY.finding(span, message, path=STRATEGY.path, help=help, fix=fix)


def _no_best_model(config: Config) -> Iterator[Finding]:
    is_asked = config.is_set(SAVE_BEST) or config.effective(ENABLED) is True
    if (
        config.given(VALIDATION) is not None
        and is_asked
        and strategy(config) == "no"
        and config.effective(SAVE_BEST) is True
    ):
        by_default = "" if config.is_set(SAVE_BEST) else ", which is the default"
        message = f"`save_best_model_at_end` is true{by_default}, but nothing is evaluated, so no model can be the best"
        help = 'write `save_best_model_at_end = false`, or evaluate: `evaluation_strategy = "epoch"`'
        span = config.span(SAVE_BEST)
        yield BEST_WITHOUT_EVALUATION.finding(span, message, path=SAVE_BEST.path, help=help)


EVALUATION_NEVER_RUNS = Rule(
    id="evaluation-never-runs",
    severity=Severity.WARNING,
    title="evaluation by steps has no interval",
    why="`eval_steps` defaults to 0, which is not an interval. There may be no evaluation at all, and so no best model.",
    act="Set `eval_steps`, or evaluate once an epoch.",
    invalid=_VALIDATION,
    valid=_VALIDATION + "eval_steps = 20\n",
)

UNUSED_EVAL_STEPS = Rule(
    id="unused-eval-steps",
    severity=Severity.NOTE,
    title="an interval in steps is set, but evaluation does not go by steps",
    why='`eval_steps` is read only with `evaluation_strategy = "steps"`.',
    act="Remove `eval_steps`, or evaluate by steps.",
    invalid=_VALIDATION + 'evaluation_strategy = "epoch"\neval_steps = 20\n',
    valid=_VALIDATION + 'evaluation_strategy = "epoch"\n',
)

VALIDATION_WITHOUT_FILE = Rule(
    id="validation-without-file",
    severity=Severity.NOTE,
    title="evaluation is set up, but no validation file is named",
    why="Without a validation file there is nothing to evaluate on. You can still name one at submission.",
    act="Set `data.validation_path`, or name the file at submission.",
    invalid=_JOB + "[training.validation]\neval_steps = 20\n",
    valid=_VALIDATION + "eval_steps = 20\n",
)

FILE_WITHOUT_VALIDATION = Rule(
    id="file-without-validation",
    severity=Severity.NOTE,
    title="a validation file is named, but evaluation is not set up",
    why="The file is uploaded, but no evaluation setting is sent, so the service chooses when to use it.",
    act="Add `[training.validation]`, or remove the file.",
    invalid=_JOB + _FILE,
    valid=_VALIDATION + "eval_steps = 20\n",
)

BEST_MODEL_REVERSED = Rule(
    id="best-model-reversed",
    severity=Severity.WARNING,
    title="the best model is selected in the wrong direction",
    why="A lower loss is better, and a higher accuracy is better. With `greater_is_better` set the other way, the run returns the worst checkpoint.",
    act="Change `greater_is_better`.",
    invalid=_VALIDATION + 'eval_steps = 20\nmetric_for_best_model = "val.accuracy"\n',
    valid=_VALIDATION + 'eval_steps = 20\nmetric_for_best_model = "val.accuracy"\ngreater_is_better = true\n',
)

MISSPELT_STRATEGY = Rule(
    id="misspelt-strategy",
    severity=Severity.WARNING,
    title="the evaluation strategy looks misspelt",
    why="Any word is sent. A word that the service does not know may mean no evaluation at all.",
    act="Write `steps`, `epoch` or `no`. If the word is correct as it is, keep it.",
    invalid=_VALIDATION + 'evaluation_strategy = "epochs"\n',
    valid=_VALIDATION + 'evaluation_strategy = "epoch"\n',
)

BEST_WITHOUT_EVALUATION = Rule(
    id="best-without-evaluation",
    severity=Severity.WARNING,
    title="the best model should be kept, but nothing is evaluated",
    why="The best model is the one with the best evaluation. Without an evaluation the service keeps the last one, or refuses the job.",
    act="Evaluate, or write `save_best_model_at_end = false`.",
    invalid=_VALIDATION + 'evaluation_strategy = "no"\nsave_best_model_at_end = true\n',
    valid=_VALIDATION + 'evaluation_strategy = "no"\nsave_best_model_at_end = false\n',
)

RULES = (
    BEST_WITHOUT_EVALUATION,
    MISSPELT_STRATEGY,
    EVALUATION_NEVER_RUNS,
    UNUSED_EVAL_STEPS,
    VALIDATION_WITHOUT_FILE,
    FILE_WITHOUT_VALIDATION,
    BEST_MODEL_REVERSED,
)
CHECKS = (_no_best_model, _misspelt, _never, _unused_steps, _without_file, _without_table, _reversed)
