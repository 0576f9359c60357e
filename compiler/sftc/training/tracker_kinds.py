"""What each tracker needs: the variables that set it up, what it keeps of a job, and how its run ends."""

import json
import os
import re
from collections.abc import Callable, Iterator, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any, Final, NamedTuple

Describe = Callable[[Any, "RunRecord"], None]
End = Callable[[Any, bool], None]

_LONGEST_TAG: Final = 64
"""Letters of the longest tag that Weights & Biases takes."""


class RunRecord(NamedTuple):
    """What trackers keep of a job, besides its metrics.

    Attributes:
        name: the name of the run.
        project: the name of its project; may be empty.
        tags: the tags of the config.
        facts: the id of the job, the git revision of its config if it is known, its payload, and the
            digests of payload and data.
        folder: the folder of the job.
    """

    name: str
    project: str
    tags: dict[str, str]
    facts: dict[str, Any]
    folder: Path


class TrackerKind(NamedTuple):
    """A tracker.

    Attributes:
        place: the variable that says where it records, and its value in a job.
        defaults: variables that are set unless the person has set them.
        forced: variables that are always set, unless their value is empty.
        describe: sends the record of the job; its first argument is the callback of transformers.
        end: ends the run; its second argument is whether the job failed.
    """

    place: tuple[str, str]
    defaults: dict[str, str]
    forced: dict[str, str]
    describe: Describe
    end: End


def set_up(name: str, record: RunRecord) -> str:
    """Set the variables of a tracker, and return where it records.

    That is a folder in the folder of the job, or the variable with which the person has chosen a place.
    """
    kind, folder = KINDS[name], (record.folder / "tracking" / name).absolute()
    slots = {"folder": str(folder), "run": record.folder.name, "project": record.project}
    variable, value = kind.place
    is_chosen = bool(os.environ.get(variable))
    if not is_chosen:
        folder.mkdir(parents=True, exist_ok=True)
        os.environ[variable] = value.format(**slots)
    for key, value in kind.defaults.items():
        os.environ.setdefault(key, value.format(**slots))
    os.environ.update(
        {key: filled for key, value in kind.forced.items() if (filled := value.format(**slots))}
    )
    if name == "wandb" and not _has_account():
        os.environ.setdefault("WANDB_MODE", "offline")
    if name == "mlflow" and (kept := _run_file(record)).is_file():
        os.environ["MLFLOW_RUN_ID"] = kept.read_text(encoding="ascii")
    return f"${variable}" if is_chosen else str(folder)


def _has_account() -> bool:
    """Return whether this person has logged in to Weights & Biases."""
    netrc = Path(os.environ.get("NETRC") or Path.home() / ".netrc")
    return bool(os.environ.get("WANDB_API_KEY")) or (netrc.is_file() and "wandb" in netrc.read_text())


def _run_file(record: RunRecord) -> Path:
    """Return the file with the id of the job's run in MLflow, in which a job that resumes continues."""
    return record.folder / "tracking" / "mlflow-run"


def _describe_in_tensorboard(callback: Any, record: RunRecord) -> None:
    shown = json.dumps({"name": record.name, **record.facts, "tags": record.tags}, indent=2, sort_keys=True)
    callback.tb_writer.add_text("sftc", "\n".join(f"    {line}" for line in shown.splitlines()))
    callback.tb_writer.flush()


def _end_tensorboard(callback: Any, failed: bool) -> None:  # noqa: FBT001  as the field of the table
    if callback.tb_writer:
        callback.tb_writer.close()


def _describe_in_wandb(callback: Any, record: RunRecord) -> None:
    wandb: Any = import_module("wandb")

    wandb.config.update({"sftc": {**record.facts, "tags": record.tags}}, allow_val_change=True)
    tags = [f"{name}:{value}" for name, value in record.tags.items()]
    wandb.run.tags = (*(wandb.run.tags or ()), *(tag for tag in tags if len(tag) <= _LONGEST_TAG))


def _end_wandb(callback: Any, failed: bool) -> None:  # noqa: FBT001  as the field of the table
    wandb: Any = import_module("wandb")

    wandb.finish(exit_code=int(failed))


def _describe_in_trackio(callback: Any, record: RunRecord) -> None:
    trackio: Any = import_module("trackio")

    trackio.config.update({"sftc": {**record.facts, "tags": record.tags}})


def _end_trackio(callback: Any, failed: bool) -> None:  # noqa: FBT001  as the field of the table
    trackio: Any = import_module("trackio")

    trackio.finish()


def _describe_in_mlflow(callback: Any, record: RunRecord) -> None:
    mlflow: Any = import_module("mlflow")
    limits: Any = import_module("mlflow.utils.validation")
    run = mlflow.active_run()
    _run_file(record).parent.mkdir(parents=True, exist_ok=True)
    _run_file(record).write_text(run.info.run_id, encoding="ascii")
    for name in run.data.tags:
        if name.startswith("mlflow.source.git."):
            mlflow.delete_tag(name)  # of the code of the trainer, not of the config
    tags = {_mlflow_name(name): value for name, value in record.tags.items()}
    if revision := record.facts.get("git_revision"):
        tags["mlflow.source.git.commit"] = revision
    mlflow.set_tags({"mlflow.source.name": "sftc", **tags})
    facts = {
        _mlflow_name(name): str(value)[: limits.MAX_PARAM_VAL_LENGTH] for name, value in _flat(record.facts)
    }
    names = [*facts]
    size = limits.MAX_PARAMS_TAGS_PER_BATCH
    for at in range(0, len(names), size):
        mlflow.log_params({name: facts[name] for name in names[at : at + size]})


def _mlflow_name(name: str) -> str:
    return re.sub(r"[^\w\-. :/]", "_", name, flags=re.ASCII)


def _flat(table: Mapping[str, Any], above: str = "sftc") -> Iterator[tuple[str, Any]]:
    """Yield the values of nested tables, each with its dotted name."""
    for name, value in table.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{above}.{name}")
        else:
            yield f"{above}.{name}", value


def _end_mlflow(callback: Any, failed: bool) -> None:  # noqa: FBT001  as the field of the table
    mlflow: Any = import_module("mlflow")

    mlflow.end_run("FAILED" if failed else "FINISHED")


KINDS: Final[Mapping[str, TrackerKind]] = {
    "tensorboard": TrackerKind(
        place=("TENSORBOARD_LOGGING_DIR", "{folder}"),
        defaults={},
        forced={},
        describe=_describe_in_tensorboard,
        end=_end_tensorboard,
    ),
    "wandb": TrackerKind(
        place=("WANDB_DIR", "{folder}"),
        defaults={
            "WANDB_CACHE_DIR": "{folder}/cache",
            "WANDB_DATA_DIR": "{folder}/data",
            "WANDB_CONSOLE": "off",
            "WANDB_DISABLE_CODE": "true",
            "WANDB_DISABLE_GIT": "true",  # it would be that of the folder in which the service runs
        },
        forced={
            "WANDB_ERROR_REPORTING": "false",
            "WANDB_LOG_MODEL": "false",
            "WANDB_PROJECT": "{project}",
            "WANDB_RESUME": "allow",
            "WANDB_RUN_ID": "{run}",
            "WANDB_WATCH": "false",
        },
        describe=_describe_in_wandb,
        end=_end_wandb,
    ),
    "trackio": TrackerKind(
        place=("TRACKIO_DIR", "{folder}"),
        defaults={},
        forced={},
        describe=_describe_in_trackio,
        end=_end_trackio,
    ),
    "mlflow": TrackerKind(
        place=("MLFLOW_TRACKING_URI", "sqlite:///{folder}/mlflow.db"),
        defaults={"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2", "MLFLOW_HTTP_REQUEST_TIMEOUT": "10"},
        forced={
            "DO_NOT_TRACK": "true",
            "HF_MLFLOW_LOG_ARTIFACTS": "0",
            "MLFLOW_DISABLE_TELEMETRY": "true",
            "MLFLOW_EXPERIMENT_NAME": "{project}",
        },
        describe=_describe_in_mlflow,
        end=_end_mlflow,
    ),
}
"""The trackers that `tracking.to` can name. The variables keep them from sending anything but the metrics."""
