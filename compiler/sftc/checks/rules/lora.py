"""Rules about LoRA: whether it is on, what tunes it, and which learning rate suits it."""

from collections.abc import Iterator
from math import inf

from sftc.contract.training_kind import says_adapter
from sftc.contract.versions import Contract
from sftc.document.toml import Document
from sftc.findings.finding import Finding, Severity
from sftc.findings.rule import Rule
from sftc.text.keys import dotted, split

_JOB = '[job]\nmodel = "Qwen/Qwen3-4B"\n\n[compute]\ngpu_type = "H100"\n\n'

SETTINGS = frozenset(
    {
        *("lora", "qlora", "peft", "adapter", "lora_config", "peft_config"),
        *("lora_rank", "lora_r", "lora_alpha", "lora_dropout", "lora_bias", "lora_target_modules"),
        *("r", "rank", "alpha", "target_modules", "modules_to_save", "use_rslora", "use_dora", "use_lora"),
        *("load_in_4bit", "load_in_8bit", "bnb_4bit_quant_type", "bnb_4bit_compute_dtype"),
    }
)
"""Names of keys and tables by which other trainers tune an adapter."""

_GENERIC = frozenset({"r", "rank", "alpha", "adapter"})
"""Those that may mean something else where any key may stand."""

_WORDS = ("training.mode", "hyperparameters.train_kind")
_SANE = {True: (1e-6, 1e-2), False: (1e-8, 1e-3)}


def _forwarded(document: Document, contract: Contract) -> Iterator[Finding]:
    for table in contract.open_tables:
        for name in document.value(dotted(table), dict) or ():
            if name.lower() in SETTINGS - _GENERIC:
                path = (*table, name)
                message = f"`{name}` is forwarded inside `[{dotted(table)}]`, where the service does not look for it"
                help = "remove it: rank, alpha and the like are the service's own"
                yield LORA_SETTING.finding(document.span(path, "key"), message, path=path, help=help)


def _contradiction(document: Document, contract: Contract) -> Iterator[Finding]:
    switch = document.value("training.use_qlora", bool)
    for key in _WORDS:
        word = document.value(key, str)
        says = says_adapter(word) if word else None
        if says is None or says == bool(switch):
            continue
        path, name = split(key), key.rpartition(".")[2]
        if switch:
            message = f'`{name} = "{word}"` says all weights, but `use_qlora = true` trains an adapter'
        else:
            state = "is not set" if switch is None else "is false"
            message = (
                f'`{name} = "{word}"` says LoRA, but `training.use_qlora` {state}: all weights are trained'
            )
        help = "`use_qlora` alone decides: change it, or this word"
        yield CONTRADICTING_MODE.finding(document.span(path), message, path=path, help=help)


def _learning_rate(document: Document, contract: Contract) -> Iterator[Finding]:
    path = split("hyperparameters.learning_rate")
    rate = document.get(path)
    adapter = document.value("training.use_qlora", bool) is True
    low, high = _SANE[adapter]
    if type(rate) in {int, float} and 0 < rate < inf and not low <= rate <= high:
        kind, usual = ("LoRA", "1e-5 to 1e-3") if adapter else ("full fine-tuning", "1e-6 to 1e-4")
        message = f"a learning rate of {document.snippet(path)} is out of the range that {kind} works in"
        yield UNLIKELY_LEARNING_RATE.finding(
            document.span(path), message, path=path, help=f"usual for {kind}: {usual}"
        )


LORA_SETTING = Rule(
    id="lora-setting",
    severity=Severity.WARNING,
    title="a LoRA setting is written that the service does not take",
    why="Rank, alpha and the like are the service's own choice. What is written here is not followed: the run uses other figures than the config says.",
    act="Remove it. `training.use_qlora = true` is all there is to set.",
    invalid=_JOB + "[training]\nuse_qlora = true\n\n[hyperparameters]\nlora_rank = 64\n",
    valid=_JOB + "[training]\nuse_qlora = true\n",
    check=_forwarded,
)

CONTRADICTING_MODE = Rule(
    id="contradicting-mode",
    severity=Severity.WARNING,
    title="the mode and the LoRA switch contradict each other",
    why="`training.use_qlora` alone turns LoRA on. A mode or kind that says otherwise is a hint that the run will be another than was meant, at another price.",
    act="Make `training.use_qlora`, `training.mode` and `hyperparameters.train_kind` say the same.",
    invalid=_JOB + '[training]\nmode = "lora"\n',
    valid=_JOB + '[training]\nmode = "lora"\nuse_qlora = true\n',
    check=_contradiction,
)

UNLIKELY_LEARNING_RATE = Rule(
    id="unlikely-learning-rate",
    severity=Severity.WARNING,
    title="the learning rate is far out of the usual",
    why="A slip of a power of ten wastes the run: too high and the loss diverges, too low and nothing is learned.",
    act="Check the exponent.",
    invalid=_JOB + "[hyperparameters]\nlearning_rate = 5.0\n",
    valid=_JOB + "[hyperparameters]\nlearning_rate = 5e-6\n",
    check=_learning_rate,
)

RULES = (LORA_SETTING, CONTRADICTING_MODE, UNLIKELY_LEARNING_RATE)
