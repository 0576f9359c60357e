"""Rules about evaluation while training: whether it runs, on what, and which model is best."""

import re
from collections.abc import Iterator

from sftc.contract.versions import Contract
from sftc.document.edits import rewrite
from sftc.document.toml import Document
from sftc.findings.finding import Finding, Severity
from sftc.findings.rule import Rule
from sftc.text.keys import ABSENT, split
from sftc.text.suggest import near

_TABLE = split("training.validation")
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


def _setting(document: Document, contract: Contract, name: str) -> object:
    value = document.get((*_TABLE, name))
    return contract.properties[(*_TABLE, name)].get("default") if value is ABSENT else value


def _runs(document: Document) -> bool:
    table = document.get(_TABLE)
    strategy = table.get("evaluation_strategy", "steps") if isinstance(table, dict) else "no"
    return strategy != "no" and table.get("enabled", True) is True


def _never(document: Document, contract: Contract) -> Iterator[Finding]:
    steps = _setting(document, contract, "eval_steps")
    if _runs(document) and steps == 0 and _setting(document, contract, "evaluation_strategy") == "steps":
        path = (*_TABLE, "eval_steps")
        message = (
            "evaluation is to run every 0 steps: `evaluation_strategy` is `steps`, and `eval_steps` is 0"
        )
        help = 'write after how many steps, such as `eval_steps = 20`, or `evaluation_strategy = "epoch"`'
        yield EVALUATION_NEVER_RUNS.finding(document.span(path), message, path=path, help=help)


def _unused_steps(document: Document, contract: Contract) -> Iterator[Finding]:
    steps = document.value("training.validation.eval_steps", int)
    strategy = document.value("training.validation.evaluation_strategy", str)
    if _runs(document) and steps and strategy and strategy != "steps":
        path = (*_TABLE, "eval_steps")
        message = f'`eval_steps` has no effect with `evaluation_strategy = "{strategy}"`'
        yield UNUSED_EVAL_STEPS.finding(document.span(path), message, path=path, help="remove one of the two")


def _without_file(document: Document, contract: Contract) -> Iterator[Finding]:
    if _runs(document) and not document.value("data.validation_path", str):
        message = "`[training.validation]` asks for evaluation, and the config names no validation file"
        help = "set `data.validation_path`, or name the file at submission"
        yield VALIDATION_WITHOUT_FILE.finding(document.span(_TABLE, "key"), message, path=_TABLE, help=help)


def _without_table(document: Document, contract: Contract) -> Iterator[Finding]:
    path = split("data.validation_path")
    if document.value("data.validation_path", str) and document.get(_TABLE) is ABSENT:
        message = (
            "a validation file is named, but without `[training.validation]` no evaluation setting is sent"
        )
        help = "add `[training.validation]` with `eval_steps`"
        yield FILE_WITHOUT_VALIDATION.finding(document.span(path), message, path=path, help=help)


def _reversed(document: Document, contract: Contract) -> Iterator[Finding]:
    metric = _setting(document, contract, "metric_for_best_model")
    greater = _setting(document, contract, "greater_is_better")
    saves = _setting(document, contract, "save_best_model_at_end")
    if not _runs(document) or saves is not True or not isinstance(metric, str):
        return
    # The last word says what is measured: an accuracy loss is a loss.
    word = re.split(r"[._/\s-]", metric.lower())[-1]
    more = word in _MORE_IS_BETTER or word.startswith(_FAMILIES_MORE)
    if (greater is True and word in _LESS_IS_BETTER) or (greater is False and more):
        path = (*_TABLE, "greater_is_better")
        better = "less" if greater else "more"
        message = f"of `{metric}`, {better} is better, and `greater_is_better` is {str(greater).lower()}"
        help = f"write `greater_is_better = {str(not greater).lower()}`: else the worst model is kept as the best"
        yield BEST_MODEL_REVERSED.finding(document.span(path), message, path=path, help=help)


def _misspelt(document: Document, contract: Contract) -> Iterator[Finding]:
    path = (*_TABLE, "evaluation_strategy")
    word = document.get(path)
    meant = near(word, _STRATEGIES) if isinstance(word, str) and word not in _STRATEGIES else None
    if meant:
        message = f"`{word}` reads like a misspelt `{meant}`"
        help, fix = f'did you mean "{meant}"?', rewrite(document, path, f'"{meant}"', safe=False)
        yield MISSPELT_STRATEGY.finding(document.span(path), message, path=path, help=help, fix=fix)


EVALUATION_NEVER_RUNS = Rule(
    id="evaluation-never-runs",
    severity=Severity.WARNING,
    title="evaluation is to run every 0 steps",
    why="The default of `eval_steps` is 0, which names no interval: there may be no evaluation at all, and with it no best model.",
    act="Set `eval_steps`, or evaluate once an epoch.",
    invalid=_VALIDATION,
    valid=_VALIDATION + "eval_steps = 20\n",
    check=_never,
)

UNUSED_EVAL_STEPS = Rule(
    id="unused-eval-steps",
    severity=Severity.NOTE,
    title="an interval in steps is set, but evaluation does not go by steps",
    why='`eval_steps` is read only with `evaluation_strategy = "steps"`.',
    act="Remove `eval_steps`, or evaluate by steps.",
    invalid=_VALIDATION + 'evaluation_strategy = "epoch"\neval_steps = 20\n',
    valid=_VALIDATION + 'evaluation_strategy = "epoch"\n',
    check=_unused_steps,
)

VALIDATION_WITHOUT_FILE = Rule(
    id="validation-without-file",
    severity=Severity.NOTE,
    title="evaluation is set up, but no validation file is named",
    why="Without a validation file there is nothing to evaluate on. It may still be named at submission.",
    act="Set `data.validation_path`, or name the file at submission.",
    invalid=_JOB + "[training.validation]\neval_steps = 20\n",
    valid=_VALIDATION + "eval_steps = 20\n",
    check=_without_file,
)

FILE_WITHOUT_VALIDATION = Rule(
    id="file-without-validation",
    severity=Severity.NOTE,
    title="a validation file is named, but evaluation is not set up",
    why="The file is uploaded, but no evaluation setting is sent, so when it is used is the service's choice.",
    act="Add `[training.validation]`, or remove the file.",
    invalid=_JOB + _FILE,
    valid=_VALIDATION + "eval_steps = 20\n",
    check=_without_table,
)

BEST_MODEL_REVERSED = Rule(
    id="best-model-reversed",
    severity=Severity.WARNING,
    title="the best model is chosen the wrong way round",
    why="Less loss is better, more accuracy is. With the switch the other way the worst checkpoint is what the run returns.",
    act="Turn `greater_is_better` round.",
    invalid=_VALIDATION + 'eval_steps = 20\nmetric_for_best_model = "val.accuracy"\n',
    valid=_VALIDATION + 'eval_steps = 20\nmetric_for_best_model = "val.accuracy"\ngreater_is_better = true\n',
    check=_reversed,
)

MISSPELT_STRATEGY = Rule(
    id="misspelt-strategy",
    severity=Severity.WARNING,
    title="the evaluation strategy reads like a misspelt word",
    why="Any word is sent. One that the service does not know may mean no evaluation at all.",
    act="Write `steps`, `epoch` or `no`; if the word is meant as it stands, keep it.",
    invalid=_VALIDATION + 'evaluation_strategy = "epochs"\n',
    valid=_VALIDATION + 'evaluation_strategy = "epoch"\n',
    check=_misspelt,
)

RULES = (
    MISSPELT_STRATEGY,
    EVALUATION_NEVER_RUNS,
    UNUSED_EVAL_STEPS,
    VALIDATION_WITHOUT_FILE,
    FILE_WITHOUT_VALIDATION,
    BEST_MODEL_REVERSED,
)
