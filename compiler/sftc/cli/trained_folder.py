"""Find the folder of a model that was trained on this machine."""

import os
from pathlib import Path

import click

from sftc.cli.connection import ServiceOptions, connected, failures, job_id


def trained_folder(job: str) -> Path:
    """Return the folder of the model that `job` names: a job of the embedded service, or a folder.

    Raises:
        click.ClickException: there is no model.
    """
    folder = Path(job) if os.path.isdir(job) else _model(job_id(job, ", and not a folder"))
    if not (folder / "tokenizer_config.json").is_file():
        raise click.ClickException(f"no model in {folder}: it has no tokenizer_config.json.")
    return folder


def _model(job: str) -> Path:
    """Return the folder of the model that a job of the embedded service trained.

    Raises:
        click.ClickException: the job has no model.
    """
    from sftc.submission.failures import RefusedError

    with failures(), connected(ServiceOptions("local", None, allow_insecure=False)) as connection:
        try:
            body = connection.service.get(f"jobs/{job}")
        except RefusedError as error:
            if error.code != "unknown_job":
                raise
            reason = f"{error.reason}, and no folder is called {job}"
            raise RefusedError(error.status, error.code, reason, error.request_id) from error
    if model := body.get("fine_tuned_model"):
        return Path(model)
    why = f": {body['error']}" if body.get("error") else ""
    raise click.ClickException(f"{job} has no model; its status is {body['status']}{why}.")
