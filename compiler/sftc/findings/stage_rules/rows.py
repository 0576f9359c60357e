"""Rules about training files that cannot be read, and about the form of each row."""

from typing import Final

from sftc.findings.finding import Severity
from sftc.findings.rule import Rule

_ROW = '{"messages": [{"role": "user", "content": "2 + 2?"}, {"role": "assistant", "content": "4"}]}\n'

RELATIVE_PATHS: Final = "a relative path starts at the current folder, not at that of the config"
"""What to know if a file is not where its path leads."""

UNREADABLE_DATA = Rule(
    id="unreadable-data",
    severity=Severity.ERROR,
    title="the training file cannot be read",
    why="The operating system did not open or read the file.",
    act="Check that the path is correct, that it is a file and not a folder, and that you have permission to read it. `-` reads standard input.",
)

NOT_JSON_LINES = Rule(
    id="not-json-lines",
    severity=Severity.ERROR,
    title="the file is not JSON Lines in UTF-8",
    why="A training file has one JSON object on each line, and is UTF-8, plain or compressed (`.gz`, `.zst`). Services and trainers reject any other file, or read only a part of it.",
    act="Convert the file with `sftc dataset convert`, or give it the name of what it is.",
    invalid="[\n" + _ROW + "]\n",
    valid=_ROW,
    examples="jsonl",
)

DAMAGED_ARCHIVE = Rule(
    id="damaged-archive",
    severity=Severity.ERROR,
    title="the compressed file is damaged",
    why="The file ends too early or its checksum is wrong, for example after an interrupted copy. Rows may be missing.",
    act="Copy or compress the file again.",
)

FILE_CHANGED = Rule(
    id="file-changed",
    severity=Severity.ERROR,
    title="the file changed while it was being read",
    why="The findings and the digest describe neither the old content nor the new.",
    act="Wait until the program that writes the file has finished, then check the file again.",
)

EMPTY_DATA = Rule(
    id="empty-data",
    severity=Severity.ERROR,
    title="the file has no rows",
    why="There is nothing to train on: the file is empty, or all of its lines are blank.",
    act="Check that this is the right file, and that the program that writes it has finished.",
    invalid="\n\n",
    valid=_ROW,
    examples="jsonl",
)

DATA_BYTE_ORDER_MARK = Rule(
    id="data-byte-order-mark",
    severity=Severity.ERROR,
    title="the file begins with a byte order mark",
    why="JSON does not allow the mark. Some readers reject the file, others lose the first row.",
    act="Save the file as UTF-8 without a byte order mark.",
    invalid="\ufeff" + _ROW,
    valid=_ROW,
    examples="jsonl",
)

ROW_NOT_UTF8 = Rule(
    id="row-not-utf8",
    severity=Severity.ERROR,
    title="a row is not valid UTF-8",
    why="JSON Lines files are UTF-8. Reading one with a guessed encoding would train the model on garbled text.",
    act="Save the file as UTF-8. If only some rows fail, check where their text comes from.",
)

ROW_NOT_JSON = Rule(
    id="row-not-json",
    severity=Severity.ERROR,
    title="a row is not valid JSON",
    why="Each line must be one JSON value as defined by RFC 8259. Comments, trailing commas, `NaN` and single quotes are not allowed.",
    act="Write the rows with a JSON library, such as Python's `json.dumps`, one row per line.",
    invalid='{"messages": [{"role": "user", "content": "2 + 2?"},]}\n',
    valid=_ROW,
    examples="jsonl",
)

LONE_SURROGATE = Rule(
    id="lone-surrogate",
    severity=Severity.ERROR,
    title="a row contains an unpaired surrogate",
    why="An escape such as `\\ud83d` is half of a character, usually an emoji that was cut in two. UTF-8 cannot represent it, and tokenizers fail on it.",
    act="Cut the text between characters, not between UTF-16 code units, and write the row again.",
    invalid=_ROW.replace("4", "\\ud83d"),
    valid=_ROW.replace("4", "\\ud83d\\ude42"),
    examples="jsonl",
)

NUMBER_BEYOND_RANGE = Rule(
    id="number-beyond-range",
    severity=Severity.WARNING,
    title="a number of a row is beyond the range of JSON readers",
    why="JSON sets no limit, but most readers hold numbers as 64-bit floats. Some read infinity, others refuse the row. The embedded trainer refuses it, and the job fails.",
    act="Write a smaller number, or the digits as a string.",
    invalid=_ROW.replace("}]}", '}], "metadata": {"id": 1e400}}'),
    valid=_ROW.replace("}]}", '}], "metadata": {"id": 1e300}}'),
    examples="jsonl",
)

ROW_TOO_LARGE = Rule(
    id="row-too-large",
    severity=Severity.ERROR,
    title="a row is larger than 64 MiB",
    why="No model can use a row of this size. Most likely, the line breaks between rows are missing.",
    act="Write one row per line, and split rows that are too long for the model.",
)

ROW_TOO_DEEP = Rule(
    id="row-too-deep",
    severity=Severity.ERROR,
    title="a row is nested more than 500 levels deep",
    why="JSON readers limit nesting. Beyond the limit, they reject the row or crash.",
    act="Flatten the value, or store it as a string.",
    invalid=_ROW.replace("}\n", ', "metadata": {"a": ' + "[" * 500 + "]" * 500 + "}}\n"),
    valid=_ROW.replace("}\n", ', "metadata": {"a": ' + "[" * 400 + "]" * 400 + "}}\n"),
    examples="jsonl",
)

DUPLICATE_NAME = Rule(
    id="duplicate-name",
    severity=Severity.ERROR,
    title="a JSON object contains the same name twice",
    why="Only one of the two values is used, and JSON readers differ on which.",
    act="Remove one of the two.",
    invalid=_ROW.replace('"content": "4"', '"content": "5", "content": "4"'),
    valid=_ROW,
    examples="jsonl",
)

ROW_SHAPE = Rule(
    id="row-shape",
    severity=Severity.ERROR,
    title="a row does not have the form that the service accepts",
    why="A row is a conversation: an object with a `messages` list, in which each message has a `role`, and `content` or `tool_calls`. The service rejects the whole file if one row differs.",
    act="Change the row to the form that the finding describes.",
    invalid='{"messages": [{"content": "2 + 2?"}]}\n',
    valid=_ROW,
    examples="jsonl",
)

RULES = (
    UNREADABLE_DATA,
    NOT_JSON_LINES,
    DAMAGED_ARCHIVE,
    FILE_CHANGED,
    EMPTY_DATA,
    DATA_BYTE_ORDER_MARK,
    ROW_NOT_UTF8,
    ROW_NOT_JSON,
    LONE_SURROGATE,
    NUMBER_BEYOND_RANGE,
    ROW_TOO_LARGE,
    ROW_TOO_DEEP,
    DUPLICATE_NAME,
    ROW_SHAPE,
)
