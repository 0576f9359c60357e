"""A payload read backwards names the keys that the compiler says its values come from."""

from pathlib import Path

import pytest

from sftc.pipeline import compile_file
from sftc.service.pages.read_back import sent_values
from support.golden import GOLDEN

CASES = sorted(path.parent for path in (GOLDEN / "accept").glob("*/config.toml"))
