"""Rules about the files that are read and written."""

from sftc.findings.finding import Severity
from sftc.findings.rule import Rule

UNREADABLE_FILE = Rule(
    id="unreadable-file",
    severity=Severity.ERROR,
    title="the config cannot be read",
    why="The operating system refused to open or read the file.",
    act="Check that the path is correct, that it is a file and not a folder, and that you have permission to read it. `-` reads standard input.",
)

FILE_TOO_LARGE = Rule(
    id="file-too-large",
    severity=Severity.ERROR,
    title="the config is over 1 MiB",
    why="A config names files and settings. A file of a megabyte is most likely the training file.",
    act="Pass the TOML config. It names the training file with `job.data`.",
)

NOT_UTF8 = Rule(
    id="not-utf8",
    severity=Severity.ERROR,
    title="the config is not UTF-8",
    why="TOML is UTF-8 by definition. A guess at another encoding could change a model name or a path.",
    act="Save the file as UTF-8, without a byte order mark.",
)

BYTE_ORDER_MARK = Rule(
    id="byte-order-mark",
    severity=Severity.ERROR,
    title="the config begins with a byte order mark",
    why="TOML does not allow the mark, and readers differ: some take it for part of the first key.",
    act="Save the file as UTF-8 without a byte order mark (some editors call that plain `UTF-8`).",
)

UNWRITABLE_OUTPUT = Rule(
    id="unwritable-output",
    severity=Severity.ERROR,
    title="the payload cannot be written",
    why="The operating system refused the write (no space left, no permission, no such folder). An output file is replaced whole or left as it was.",
    act="Free some space, or choose a folder that you have permission to write to, and run the command again.",
)

RULES = (UNREADABLE_FILE, FILE_TOO_LARGE, NOT_UTF8, BYTE_ORDER_MARK, UNWRITABLE_OUTPUT)
