"""`sftc export`: make a model that was trained on this machine usable elsewhere."""

import re
import shlex
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

import click

from sftc.cli.connection import say
from sftc.cli.output import write_stdout
from sftc.cli.packages import check_packages
from sftc.cli.trained_folder import trained_folder
from sftc.training.export.export_spec import QUANTIZED, ROUNDED

_REPOSITORY = re.compile(r"[\w-][\w.-]*/[\w-][\w.-]*", re.ASCII)
_OLLAMA_NAME = re.compile(r"((\w[\w.:-]{0,349}/)?\w[\w-]{0,79}/)?\w[\w.-]{0,79}(:\w[\w.-]{0,79})?", re.ASCII)
"""`[[HOST/]OWNER/]NAME[:TAG]`, as Ollama takes it."""

_GGUF = "model.gguf"


class _Wanted(NamedTuple):
    """The options of the command, by their names."""

    merge: bool
    output: str | None
    dtype: str | None
    gguf: str | None
    quantize: str | None
    ollama: str | None
    push: str | None
    rows: str | None
    llama_cpp: str | None

    def check(self) -> None:
        """Check that the options go together.

        Raises:
            click.UsageError: they do not.
        """
        forms = [*filter(None, ("--merge" * self.merge, self.gguf and "--gguf", self.ollama and "--ollama"))]
        form = forms[0] if forms else ""
        for wrong, reason in (
            (not forms and not self.push, "say what to make: --merge, --gguf, --ollama or --push."),
            (len(forms) > 1, f"{' and '.join(forms)} are several forms: run the command for each."),
            (
                self.merge and not (self.output or self.push),
                "--merge needs --output DIR or --push.",
            ),
            (self.output and form in ("", "--gguf"), "--output goes with --merge or --ollama."),
            (self.push and (self.gguf or self.ollama), "--push goes with --merge, or alone."),
            (self.quantize and not (self.gguf or self.ollama), "--quantize goes with --gguf or --ollama."),
            (not forms and (self.dtype or self.rows), "--push alone uploads the model as it is."),
            (self.push and not _REPOSITORY.fullmatch(self.push), f"{self.push!r} is not OWNER/NAME."),
            (
                self.ollama and not _OLLAMA_NAME.fullmatch(self.ollama),
                f"{self.ollama!r} is not the name of a model in Ollama.",
            ),
        ):
            if wrong:
                raise click.UsageError(str(reason))


@click.command("export", short_help="Merge, convert or upload a model that was trained on this machine.")
@click.argument("job", metavar="JOB|DIR")
@click.option("--merge", is_flag=True, help="Merge the adapter into its base model.")
@click.option("--output", metavar="DIR", help="Folder to write; new or empty.")
@click.option(
    "--dtype", type=click.Choice([*ROUNDED]), help="Dtype of the weights. [default: that of the base model]"
)
@click.option("--gguf", metavar="FILE", help="Write a GGUF file, for llama.cpp, and its card beside it.")
@click.option(
    "--quantize", type=click.Choice([*QUANTIZED]), help="Quantisation of the GGUF file. [default: none]"
)
@click.option(
    "--ollama",
    metavar="NAME",
    help="Create a model of this name in Ollama; with --output, write the folder for that.",
)
@click.option(
    "--push", metavar="OWNER/NAME", help="Upload the model to the Hugging Face Hub; new ones private."
)
@click.option(
    "--validation-file",
    "rows",
    type=click.Path(exists=True, dir_okay=False),
    metavar="FILE",
    help="Rows to compare the models on. [default: the validation file of the job, else its training file]",
)
@click.option(
    "--llama-cpp",
    type=click.Path(exists=True, file_okay=False),
    envvar="SFTC_LLAMA_CPP",
    metavar="DIR",
    help="Checkout of llama.cpp, whose converter writes GGUF. [$SFTC_LLAMA_CPP; default: on the PATH]",
)
def export_command(job: str, **options: Any) -> None:
    """Make a model that was trained on this machine usable elsewhere.

    JOB is a job of the embedded service, and DIR the folder of a model. Before it is handed over, the new
    model is compared with base plus adapter: its greedy tokens and its logits. If it differs more than its
    dtype or its quantisation explains, nothing is written.
    """
    wanted = _Wanted(**options)
    wanted.check()
    check_packages("torch", "transformers", "peft")
    signal.signal(signal.SIGTERM, _terminate)
    from sftc.service.executor import FailedError

    try:
        write_stdout(f"{_export(job, wanted)}\n")
    except FailedError as error:
        raise click.ClickException(f"{error}.") from error


def _terminate(number: int, frame: object) -> NoReturn:
    """Exit as after Ctrl-C, so that nothing half written is left behind."""
    sys.exit(128 + number)


def _export(job: str, wanted: _Wanted) -> str:
    """Export a model, and return where it is.

    Raises:
        FailedError: it cannot be exported.
    """
    from sftc.training.export.exporter import new_file, new_folder, scratch_folder
    from sftc.training.export.hub_upload import check_hub, check_token

    if wanted.push:
        check_token()
        if wanted.merge:  # minutes are spent first
            check_hub()
    if wanted.gguf:
        with new_file(Path(wanted.gguf)) as into:
            _make(job, wanted, into, Path(wanted.gguf).name)
        return wanted.gguf
    if wanted.ollama and not wanted.output:
        _check_ollama()
    with new_folder(Path(wanted.output)) if wanted.output else scratch_folder() as into:
        _make(job, wanted, into, _GGUF if wanted.ollama else "")
        if not wanted.output:
            return _hand_over(wanted, into)
    if wanted.push:
        _hand_over(wanted, Path(wanted.output))
    if wanted.ollama:
        say(f"to create it: cd {shlex.quote(wanted.output)} && ollama create {wanted.ollama} -f Modelfile")
    return wanted.output


def _check_ollama() -> None:
    """Check that Ollama is there and runs.

    Raises:
        click.ClickException: it is not, or does not.
    """
    instead = "pass --output DIR to write the folder for it"
    if not (program := shutil.which("ollama")):
        raise click.ClickException(f"there is no `ollama` on the PATH: {instead}.")
    done = subprocess.run([program, "list"], capture_output=True, text=True, check=False)  # noqa: S603  Ollama's own
    if done.returncode:
        reason = " ".join(done.stderr.split()) or f"status {done.returncode}"
        raise click.ClickException(
            f"`ollama list` failed: {reason}. Start it with `ollama serve`, or {instead}."
        )


def _make(job: str, wanted: _Wanted, into: Path, gguf: str) -> None:
    """Write the model in the wanted form, a GGUF file of that name or a folder, to the new folder `into`."""
    from sftc.training.export.export_spec import ExportSpec
    from sftc.training.export.exporter import origin_of, run_export
    from sftc.training.export.llama_cpp import DIRECT, find_converter, find_quantiser

    checkout = Path(wanted.llama_cpp) if wanted.llama_cpp else None
    converter = find_converter(checkout) if gguf else []
    check_packages(*["gguf"] * bool(gguf))
    by_converter = not wanted.quantize or wanted.quantize in DIRECT
    quantiser = [] if by_converter else find_quantiser(checkout)
    model = trained_folder(job).absolute()
    origin = origin_of(model)
    if not (gguf or wanted.merge):
        from sftc.training.export.hub_upload import public_copy

        public_copy(model, into, origin.base)
        return
    spec = ExportSpec(
        str(model),
        str(into),
        wanted.dtype or "",
        str(Path(wanted.rows).absolute()) if wanted.rows else origin.rows,
        origin.four_bit,
        gguf,
        wanted.quantize or "",
        bool(wanted.ollama),
        converter,
        quantiser,
    )
    run_export(spec, say)


def _hand_over(wanted: _Wanted, folder: Path) -> str:
    """Upload a model or create it in Ollama, and return where it is."""
    if wanted.push:
        from sftc.training.export.hub_upload import push_model

        say(f"uploading to {wanted.push}")
        return push_model(folder, wanted.push)
    command = ["ollama", "create", str(wanted.ollama), "-f", "Modelfile"]
    if subprocess.run(command, cwd=folder, stdout=sys.stderr, check=False).returncode:  # noqa: S603  Ollama's own
        raise click.ClickException(f"`{shlex.join(command)}` failed.")
    return str(wanted.ollama)
