"""Send the metrics of a job to the trackers that its config names."""

import os
from pathlib import Path
from typing import Final

from sftc.training.plan import Plan

_PLACES: Final = {
    "tensorboard": {"TENSORBOARD_LOGGING_DIR": "{}"},
    "wandb": {"WANDB_DIR": "{}", "WANDB_CACHE_DIR": "{}/cache", "WANDB_DATA_DIR": "{}/data"},
    "trackio": {"TRACKIO_DIR": "{}"},
    "mlflow": {"MLFLOW_TRACKING_URI": "sqlite:///{}/mlflow.db"},
}
"""The variables that place the files of a tracker in its folder. Those that a person has set are kept."""

_PROJECTS: Final = {"wandb": "WANDB_PROJECT", "mlflow": "MLFLOW_EXPERIMENT_NAME"}

_QUIET: Final = {
    "wandb": {"WANDB_ERROR_REPORTING": "false", "WANDB_LOG_MODEL": "false", "WANDB_WATCH": "false"},
    "mlflow": {"MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true", "HF_MLFLOW_LOG_ARTIFACTS": "0"},
}
"""Variables that keep a tracker from sending anything but the metrics."""


def prepare_trackers(plan: Plan, folder: Path) -> dict[str, str]:
    """Place the files of the trackers in the folder of the job, and return their folders by tracker.

    Trackers are set up through the environment of the process. Without an account, Weights & Biases
    records offline.
    """
    places = {each: folder / "tracking" / each for each in plan.trackers}
    for tracker, place in places.items():
        place.mkdir(parents=True, exist_ok=True)
        for name, value in _PLACES[tracker].items():
            os.environ.setdefault(name, value.format(place.absolute()))
        os.environ.update(_QUIET.get(tracker, {}))
        if plan.project and tracker in _PROJECTS:
            os.environ[_PROJECTS[tracker]] = plan.project
    if "wandb" in places and not _has_account():
        os.environ.setdefault("WANDB_MODE", "offline")
    return {tracker: str(place) for tracker, place in places.items()}


def _has_account() -> bool:
    """Return whether this person has logged in to Weights & Biases."""
    netrc = Path(os.environ.get("NETRC") or Path.home() / ".netrc")
    return bool(os.environ.get("WANDB_API_KEY")) or (netrc.is_file() and "wandb" in netrc.read_text())
