"""Rules about files: what is read, and what is written."""

from sftc.findings.finding import Severity
from sftc.findings.rule import Rule

UNREADABLE_FILE = Rule(
    id="unreadable-file",
    severity=Severity.ERROR,
    title="the config cannot be read",
    why="The operating system refused to open or read the file, so nothing is known of the job.",
    act="Check the path, that it is a file and not a folder, and that you may read it. `-` reads standard input.",
)

FILE_TOO_LARGE = Rule(
    id="file-too-large",
    severity=Severity.ERROR,
    title="the config is over 1 MiB",
    why="A config names files and settings; a megabyte of it is most likely the training file, or a file of another kind.",
    act="Pass the TOML config. The training file is named inside it, by `job.data`.",
)

NOT_UTF8 = Rule(
    id="not-utf8",
    severity=Severity.ERROR,
    title="the config is not UTF-8",
    why="TOML is UTF-8 by definition. Guessing another encoding could change a model name or a path.",
    act="Save the file as UTF-8, without a byte order mark.",
)

BYTE_ORDER_MARK = Rule(
    id="byte-order-mark",
    severity=Severity.ERROR,
    title="the config begins with a byte order mark",
    why="TOML has no place for the mark, and readers differ: one takes it for part of the first key.",
    act="Save the file as UTF-8 without a byte order mark (some editors call that plain `UTF-8`).",
)

UNWRITABLE_OUTPUT = Rule(
    id="unwritable-output",
    severity=Severity.ERROR,
    title="the payload cannot be written",
    why="The operating system refused the write (no space left, no permission, no such folder). An output file is replaced whole or left as it was.",
    act="Make room, or choose a place you may write to, and run the command again.",
)

RULES = (UNREADABLE_FILE, FILE_TOO_LARGE, NOT_UTF8, BYTE_ORDER_MARK, UNWRITABLE_OUTPUT)
