"""Write GGUF files with the programs of llama.cpp: its converter, and its quantiser."""

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from sftc.service.executor import FailedError

_CONVERTERS: Final = ("convert_hf_to_gguf.py", "convert-hf-to-gguf")
_QUANTISER: Final = "llama-quantize"
_BUILT: Final = ("build/bin", "bin", ".")
"""Where a checkout has the programs that were built in it."""

DIRECT: Final = {"fp32": "f32", "fp16": "f16", "bf16": "bf16", "q8_0": "q8_0"}
"""What the converter writes itself, by our names of dtypes and quantisations."""

_LAST_LINES: Final = 3


def find_converter(checkout: Path | None) -> list[str]:
    """Return the beginning of the command that converts a model.

    Args:
        checkout: the folder of a checkout of llama.cpp; by default, the programs on the PATH are used.

    Raises:
        FailedError: there is no converter.
    """
    if checkout and (script := checkout / _CONVERTERS[0]).is_file():
        return [sys.executable, str(script.absolute())]
    found = None if checkout else next(filter(None, map(shutil.which, _CONVERTERS)), None)
    if not found:
        where = f"in {checkout}" if checkout else "on the PATH"
        raise FailedError(
            f"GGUF is written by the converter of llama.cpp, and there is no {_CONVERTERS[0]} {where}: pass "
            "--llama-cpp with the folder of a checkout of llama.cpp"
        )
    return [found]


def find_quantiser(checkout: Path | None) -> list[str]:
    """Return the beginning of the command that quantises a GGUF file.

    Raises:
        FailedError: there is no such program.
    """
    places = os.pathsep.join(str((checkout / each).absolute()) for each in _BUILT) if checkout else None
    if found := shutil.which(_QUANTISER, path=places):
        return [found]
    raise FailedError(
        f"this quantisation is made by {_QUANTISER} of llama.cpp, which is not "
        f"{f'built in {checkout}' if checkout else 'on the PATH'}; q8_0 needs the converter only"
    )


def convert(converter: Sequence[str], model: Path, into: Path, kind: str) -> None:
    """Write a model as a GGUF file, with weights of a kind of `DIRECT`.

    Raises:
        FailedError: the converter fails, for example because it does not know the architecture.
    """
    _run(converter, [str(model), "--outfile", str(into), "--outtype", DIRECT[kind]], into)


def quantise(quantiser: Sequence[str], file: Path, into: Path, kind: str) -> None:
    """Write a GGUF file with quantised weights.

    Raises:
        FailedError: the program fails.
    """
    _run(quantiser, [str(file), str(into), kind], into)


def _run(program: Sequence[str], arguments: list[str], into: Path) -> None:
    done = subprocess.run(  # noqa: S603  the programs of llama.cpp
        [*program, *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    if done.returncode or not into.is_file():
        said = done.stdout.decode(errors="replace").strip().splitlines()[-_LAST_LINES:]
        raise FailedError(f"{Path(program[-1]).name} failed: {' '.join(said) or f'status {done.returncode}'}")
