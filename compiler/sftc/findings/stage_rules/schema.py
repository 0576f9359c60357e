"""Rules about keys and values, decided by the schemas."""

from sftc.findings.finding import Severity
from sftc.findings.rule import Rule

_JOB = '[job]\nmodel = "Qwen/Qwen3-4B"\n'

UNKNOWN_SCHEMA_VERSION = Rule(
    id="unknown-schema-version",
    severity=Severity.ERROR,
    title="the version of the contract is unknown",
    why="The version decides what every key means, so nothing else in the config can be checked.",
    act="Write a version that this release knows. A config without `schema_version` is of version 1.",
    invalid="schema_version = 99\n" + _JOB,
    valid="schema_version = 1\n" + _JOB,
)

MISSING_KEY = Rule(
    id="missing-key",
    severity=Severity.ERROR,
    title="a required key is missing",
    why="The service cannot run the job without it, and it has no default.",
    act="Add the key.",
    invalid='[job]\ndata = "train.jsonl"\n',
    valid=_JOB + 'data = "train.jsonl"\n',
)

WRONG_TYPE = Rule(
    id="wrong-type",
    severity=Severity.ERROR,
    title="a value has the wrong type",
    why='Values are never converted: a guess at the meaning of `"3"` or `1` could change the run.',
    act="Write a value of the expected type. Strings have quotes; numbers, `true` and `false` do not.",
    invalid=_JOB + '\n[hyperparameters]\nn_epochs = "3"\n',
    valid=_JOB + "\n[hyperparameters]\nn_epochs = 3\n",
)

FLOAT_FOR_INTEGER = Rule(
    id="float-for-integer",
    severity=Severity.ERROR,
    title="a whole number is written as a float",
    why="TOML distinguishes `2` from `2.0`, and so does the service.",
    act="Write it without a decimal point or exponent.",
    invalid=_JOB + "\n[hyperparameters]\nn_epochs = 2.0\n",
    valid=_JOB + "\n[hyperparameters]\nn_epochs = 2\n",
)

OUT_OF_RANGE = Rule(
    id="out-of-range",
    severity=Severity.ERROR,
    title="a number is out of range",
    why="The service refuses such a value, or runs something other than what was meant.",
    act="Write a number within the limits that the finding names.",
    invalid=_JOB + "\n[hyperparameters]\nwarmup_ratio = 3\n",
    valid=_JOB + "\n[hyperparameters]\nwarmup_ratio = 0.03\n",
)

INTEGER_OUT_OF_RANGE = Rule(
    id="integer-out-of-range",
    severity=Severity.ERROR,
    title="an integer does not fit in 64 bits",
    why="Most JSON readers round such a number or refuse it, so the service would read a different one.",
    act="Write a smaller number, or write the digits as a string if they are a name.",
    invalid=_JOB + "\n[hyperparameters.parallelism]\nseed = 9223372036854775808\n",
    valid=_JOB + "\n[hyperparameters.parallelism]\nseed = 42\n",
)

INTEGER_NOT_EXACT = Rule(
    id="integer-not-exact",
    severity=Severity.WARNING,
    title="an integer is beyond 2^53",
    why="Readers that store numbers as doubles round it. The canonical form of RFC 8785 cannot represent it, so the payload has no digest.",
    act="Write a number between -9007199254740991 and 9007199254740991, or write the digits as a string.",
    invalid=_JOB + "\n[hyperparameters.parallelism]\nseed = 9007199254740993\n",
    valid=_JOB + "\n[hyperparameters.parallelism]\nseed = 42\n",
)

BLANK_STRING = Rule(
    id="blank-string",
    severity=Severity.ERROR,
    title="a string is blank",
    why="The key is set, but its value names nothing.",
    act="Write the name, or leave the key out if it is optional.",
    invalid=_JOB + '\n[compute]\ngpu_type = " "\n',
    valid=_JOB + '\n[compute]\ngpu_type = "H100"\n',
)

SURROUNDING_SPACE = Rule(
    id="surrounding-space",
    severity=Severity.ERROR,
    title="a string begins or ends with white space",
    why="The service looks the name up exactly as written: with a space at its end it is a different name.",
    act="Remove the white space.",
    invalid='[job]\nmodel = "Qwen/Qwen3-4B "\n',
    valid=_JOB,
)

VALUE_NOT_ALLOWED = Rule(
    id="value-not-allowed",
    severity=Severity.ERROR,
    title="a value is not allowed",
    why="The contract lists the allowed values of this key, or the form that they must have.",
    act="Write an allowed value.",
)

NO_JSON_FORM = Rule(
    id="no-json-form",
    severity=Severity.ERROR,
    title="JSON cannot represent the value",
    why="Dates, times, `inf` and `nan` exist in TOML but not in JSON. Many writers silently turn them into `null`.",
    act="Write a date or time as a string, in quotes. Replace `inf` and `nan` with a number.",
    invalid=_JOB + "\n[data.topology]\nsince = 2026-01-31\n",
    valid=_JOB + '\n[data.topology]\nsince = "2026-01-31"\n',
)

UNKNOWN_KEY = Rule(
    id="unknown-key",
    severity=Severity.WARNING,
    title="a key is unknown",
    why="It is never sent, so it has no effect on the run. A misspelt key changes the run that you pay for.",
    act="Correct the name, or remove the key. `--strict` makes such a config fail.",
    invalid=_JOB + "\n[hyperparameters]\nlearning_rat = 5e-6\n",
    valid=_JOB + "\n[hyperparameters]\nlearning_rate = 5e-6\n",
)

UNKNOWN_TABLE = Rule(
    id="unknown-table",
    severity=Severity.WARNING,
    title="a table is unknown",
    why="Nothing in it is ever sent, so it has no effect on the run.",
    act="Move its keys to the sections that they belong to, or to `[algorithm]` if they are notes, or remove the table. `--strict` makes such a config fail.",
    invalid=_JOB + '\n[notes]\nteam = "research"\n',
    valid=_JOB + '\n[algorithm]\nteam = "research"\n',
)

LEGACY_KEY = Rule(
    id="legacy-key",
    severity=Severity.WARNING,
    title="a key from older scripts",
    why="Older clients read it. It is no longer sent, so it has no effect on the run.",
    act="Remove it, and use the keys that the finding names instead.",
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
