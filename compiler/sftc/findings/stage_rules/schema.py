"""Rules about keys and values that the schemas decide."""

from sftc.findings.finding import Severity
from sftc.findings.rule import Rule

_JOB = '[job]\nmodel = "Qwen/Qwen3-4B"\n'

UNKNOWN_SCHEMA_VERSION = Rule(
    id="unknown-schema-version",
    severity=Severity.ERROR,
    title="no such version of the contract",
    why="The version decides what every key means, so nothing else of the config can be judged.",
    act="Name a version that this release knows, or leave `schema_version` out for the newest one.",
    invalid="schema_version = 99\n" + _JOB,
    valid="schema_version = 1\n" + _JOB,
)

MISSING_KEY = Rule(
    id="missing-key",
    severity=Severity.ERROR,
    title="a required key is missing",
    why="The service cannot run the job without it, and there is no value that could be assumed.",
    act="Add the key.",
    invalid='[job]\ndata = "train.jsonl"\n',
    valid=_JOB + 'data = "train.jsonl"\n',
)

WRONG_TYPE = Rule(
    id="wrong-type",
    severity=Severity.ERROR,
    title="a value is of the wrong type",
    why='Nothing is converted: a guess at what `"3"` or `1` was to mean could change the run.',
    act="Write a value of the type that is asked for. Text stands in quotes; numbers, `true` and `false` do not.",
    invalid=_JOB + '\n[hyperparameters]\nn_epochs = "3"\n',
    valid=_JOB + "\n[hyperparameters]\nn_epochs = 3\n",
)

FLOAT_FOR_INTEGER = Rule(
    id="float-for-integer",
    severity=Severity.ERROR,
    title="a whole number is written as a float",
    why="TOML tells `2` from `2.0`, and so does the service.",
    act="Write it without a decimal point or exponent.",
    invalid=_JOB + "\n[hyperparameters]\nn_epochs = 2.0\n",
    valid=_JOB + "\n[hyperparameters]\nn_epochs = 2\n",
)

OUT_OF_RANGE = Rule(
    id="out-of-range",
    severity=Severity.ERROR,
    title="a number is out of range",
    why="No run makes sense with it, and the service refuses it or does something else than was meant.",
    act="Write a number within the limits that are named.",
    invalid=_JOB + "\n[hyperparameters]\nwarmup_ratio = 3\n",
    valid=_JOB + "\n[hyperparameters]\nwarmup_ratio = 0.03\n",
)

INTEGER_OUT_OF_RANGE = Rule(
    id="integer-out-of-range",
    severity=Severity.ERROR,
    title="an integer does not fit in 64 bits",
    why="Most readers of JSON round such a number or refuse it, so the service would see another one.",
    act="Write a smaller number, or the digits as text if that is what they are.",
    invalid=_JOB + "\n[hyperparameters.parallelism]\nseed = 9223372036854775808\n",
    valid=_JOB + "\n[hyperparameters.parallelism]\nseed = 42\n",
)

INTEGER_NOT_EXACT = Rule(
    id="integer-not-exact",
    severity=Severity.WARNING,
    title="an integer is beyond 2^53",
    why="Readers that keep numbers as doubles round it. The canonical form of RFC 8785 has no place for it, so the payload has no digest.",
    act="Write a number between -9007199254740991 and 9007199254740991, or the digits as text.",
    invalid=_JOB + "\n[hyperparameters.parallelism]\nseed = 9007199254740993\n",
    valid=_JOB + "\n[hyperparameters.parallelism]\nseed = 42\n",
)

BLANK_STRING = Rule(
    id="blank-string",
    severity=Severity.ERROR,
    title="text is blank",
    why="The key is there, but it names nothing.",
    act="Write the name, or leave the key out where it is optional.",
    invalid=_JOB + '\n[compute]\ngpu_type = " "\n',
    valid=_JOB + '\n[compute]\ngpu_type = "H100"\n',
)

SURROUNDING_SPACE = Rule(
    id="surrounding-space",
    severity=Severity.ERROR,
    title="text begins or ends with white space",
    why="The service looks the name up to the letter: one with a space at its end is another name.",
    act="Remove the white space.",
    invalid='[job]\nmodel = "Qwen/Qwen3-4B "\n',
    valid=_JOB,
)

VALUE_NOT_ALLOWED = Rule(
    id="value-not-allowed",
    severity=Severity.ERROR,
    title="a value is not one of those allowed",
    why="The contract lists what may stand here, or the form that it must have.",
    act="Write a value that is allowed.",
)

NO_JSON_FORM = Rule(
    id="no-json-form",
    severity=Severity.ERROR,
    title="JSON has no form for the value",
    why="Dates, times, `inf` and `nan` exist in TOML, not in JSON. Many writers turn them into `null` without a word.",
    act="Write a date or time as text, in quotes; replace `inf` and `nan` by a number.",
    invalid=_JOB + "\n[data.topology]\nsince = 2026-01-31\n",
    valid=_JOB + '\n[data.topology]\nsince = "2026-01-31"\n',
)

UNKNOWN_KEY = Rule(
    id="unknown-key",
    severity=Severity.WARNING,
    title="a key is unknown",
    why="It is never sent, so the run does not follow it. A misspelt key changes the run that you pay for.",
    act="Correct the name, or remove the key. `--strict` makes such a config fail.",
    invalid=_JOB + "\n[hyperparameters]\nlearning_rat = 5e-6\n",
    valid=_JOB + "\n[hyperparameters]\nlearning_rate = 5e-6\n",
)

UNKNOWN_TABLE = Rule(
    id="unknown-table",
    severity=Severity.WARNING,
    title="a table is unknown",
    why="Nothing in it is ever sent, so the run does not follow it.",
    act="Move its keys to the sections that know them, or to `[algorithm]` if they are notes, or remove the table. `--strict` makes such a config fail.",
    invalid=_JOB + '\n[tags]\nteam = "research"\n',
    valid=_JOB + '\n[algorithm]\nteam = "research"\n',
)

LEGACY_KEY = Rule(
    id="legacy-key",
    severity=Severity.WARNING,
    title="a key is from older scripts",
    why="It once meant something. It is no longer sent, so the run does not follow it.",
    act="Remove it, and say what it meant the way that is named.",
    invalid=_JOB + "\n[hyperparameters]\nworld_size = 8\n",
    valid=_JOB + "\n[hyperparameters]\nper_device_batch = 1\n",
)

RULES = (
    UNKNOWN_SCHEMA_VERSION,
    MISSING_KEY,
    WRONG_TYPE,
    FLOAT_FOR_INTEGER,
    OUT_OF_RANGE,
    INTEGER_OUT_OF_RANGE,
    INTEGER_NOT_EXACT,
    BLANK_STRING,
    SURROUNDING_SPACE,
    VALUE_NOT_ALLOWED,
    NO_JSON_FORM,
    UNKNOWN_KEY,
    UNKNOWN_TABLE,
    LEGACY_KEY,
)
