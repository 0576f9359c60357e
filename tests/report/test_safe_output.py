"""No text from a file, a file name or a flag moves a cursor, hides itself or makes a command of CI."""

import subprocess
import sys
import unicodedata
from pathlib import Path

import pytest

HIDDEN = ("Cc", "Cf", "Cs", "Zl", "Zp")
NAME = "a\x1b[31m\u202e%0A::error::x\x9b"
CONFIG = """\
[job]
model = "m\\u001b[31m\\u202e\\u009b%0A::warning::x\\u2028"
data = "d\\u001b]0;t\\u0007"
"k\\u001b[31m\\u202e\\n::error::y" = 1

[compute]
gpu_type = "H\u202e"

[data.topology]
"z\\u001b[31m\\u202e\\r\\n::error::y\\u0085" = "v\\u001b[31m"

[hyperparameters.parallelism]
"fsd\\u001bp" = "t\\u202erue"

# \u202e a comment
[hyperparameters]
epochs = 3 # \u202e
"""
FILES = {
    f"{NAME}.sft.toml": CONFIG,
    f"b{NAME}.sft.toml": CONFIG.replace('"m', '"n').replace("epochs", "n_epochs"),
    f"c{NAME}.sft.toml": "x = \u202e\x1b[31m\n",
}
A, B, C = FILES


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("hostile")
    for name, text in FILES.items():
        (folder / name).write_text(text)
    return folder


@pytest.mark.parametrize(
    "arguments",
    [
        *(
            ["lint", "--format", format, A, B, C]
            for format in ("text", "json", "github", "gitlab", "sarif", "junit")
        ),
        ["lint", "--diff", "--unsafe-fixes", A],
        ["compile", A],
        ["compile", C],
        ["compile", "--digest", B],
        ["explain", A],
        ["explain", B],
        ["explain", "--format", "json", B],
        ["diff", A, B],
        ["diff", "--format", "json", A, B],
        ["migrate", "--diff", B],
        ["migrate", "--diff", C],
        ["compile", f"no{NAME}"],
        ["compile", A, "--set", f"a{NAME}.b=1"],
        ["lint", "--select", NAME, A],
        ["rule", NAME],
        ["estimate", A],
        ["sweep", A, "--set", f'tags."{NAME}"=1,2', "--output-dir", NAME],
        ["estimate", A, "--model", NAME],
        ["estimate", A, "--device", NAME],
        ["dataset", "check", NAME],
        ["submit", NAME],
        ["train", NAME],
        ["schema", NAME],
        ["init", f"{NAME}/y"],
        [NAME],
        ["lint", f"--{NAME}"],
    ],
    ids=lambda arguments: " ".join(arguments).encode("ascii", "ignore").decode().replace("\x1b", ""),
)
def test_output_shows_what_is_hidden(folder: Path, arguments: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "sftc", *arguments], cwd=folder, capture_output=True, check=False
    )
    shown = done.stderr.decode()
    if arguments[0] != "compile" or done.returncode:  # the bytes of a payload are the contract's
        shown += done.stdout.decode()
    assert shown
    assert "Traceback" not in shown
    assert {char for char in shown if char != "\n" and unicodedata.category(char) in HIDDEN} == set()
    commands = [line for line in shown.split("\n") if line.startswith("::")]
    assert all(line.split(" ")[0] in {"::error", "::warning", "::notice"} for line in commands)
    assert all(" file=" in line for line in commands)
    assert bool(commands) == ("github" in arguments)
