"""`sftc export`: make a model that was trained on this machine usable elsewhere."""

from importlib.util import find_spec
from pathlib import Path

import click

from sftc.cli.connection import say
from sftc.cli.output import write_stdout
from sftc.cli.trained_folder import trained_folder

_DTYPES = ("bf16", "fp16", "fp32")


@click.command("export", short_help="Merge or convert a model that was trained on this machine.")
@click.argument("job", metavar="JOB|DIR")
@click.option("--merge", is_flag=True, help="Merge the adapter into its base model.")
@click.option("--output", metavar="DIR", help="Folder to write; new or empty.")
@click.option(
    "--dtype", type=click.Choice(_DTYPES), help="Dtype of the weights. [default: that of the base model]"
)
@click.option(
    "--validation-file",
    "rows",
    type=click.Path(exists=True, dir_okay=False),
    metavar="FILE",
    help="Rows to compare the models on. [default: the validation file of the job, else its training file]",
)
def export_command(job: str, merge: bool, output: str | None, dtype: str | None, rows: str | None) -> None:
    """Make a model that was trained on this machine usable elsewhere.

    JOB is a job of the embedded service, and DIR the folder of a model. Before it is written, the new model
    is compared with base plus adapter: its greedy tokens and its logits. If it differs more than its dtype
    explains, nothing is written.
    """
    if not merge:
        raise click.UsageError("say what to make: --merge.")
    if not output:
        raise click.UsageError("--merge needs --output DIR.")
    if not find_spec("torch"):
        raise click.ClickException("this needs torch: pip install 'sftc[train]'.")
    from sftc.service.executor import FailedError
    from sftc.training.export_spec import ExportSpec
    from sftc.training.exporter import new_folder, rows_of, run_export, trained_in_4_bits

    try:
        with new_folder(Path(output)) as into:
            model = trained_folder(job).absolute()
            of_job = rows_of(model)
            spec = ExportSpec(
                str(model),
                str(into),
                dtype or "",
                str(Path(rows).absolute()) if rows else of_job,
                trained_in_4_bits(model),
            )
            run_export(spec, say)
    except FailedError as error:
        raise click.ClickException(f"{error}.") from error
    write_stdout(f"{output}\n")
