"""How fast earlier jobs of the embedded service trained on this machine."""

import json
import sqlite3
from contextlib import closing
from statistics import median

from sftc.cli.embedded_service import data_folder
from sftc.estimate.estimate_work import Rate
from sftc.estimate.interval import Interval

_JOBS = "SELECT id, payload FROM jobs WHERE status = 'succeeded' ORDER BY number DESC LIMIT 100"
_DEVICE = "SELECT data FROM events WHERE job = ? AND type = 'training' ORDER BY seq DESC LIMIT 1"
_SPEEDS = "SELECT value FROM metrics WHERE job = ? AND name = 'train.tokens_per_second' AND value > 0"


def earlier_rate(model: str) -> Rate | None:
    """Return the tokens a second of earlier jobs that trained `model` on the CPU, or `None`."""
    from sftc.service.data_folder import DATABASE

    path = data_folder() / DATABASE
    if not path.is_file():
        return None
    with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as db:
        try:
            found = [
                _speeds(db, id)
                for id, payload in db.execute(_JOBS)
                if json.loads(payload).get("model") == model
            ]
        except (sqlite3.Error, ValueError):
            return None
    jobs = [speeds for speeds in found if speeds]
    speeds = [each for job in jobs for each in job]
    return Rate(Interval(min(speeds), median(speeds), max(speeds)), len(jobs)) if speeds else None


def _speeds(db: sqlite3.Connection, job: str) -> list[float]:
    device = db.execute(_DEVICE, (job,)).fetchone()
    if not device or json.loads(device[0]).get("device") != "cpu":
        return []
    return [float(value) for (value,) in db.execute(_SPEEDS, (job,))]
