"""Write the shapes of what the clients of services send and read to `tests/submission/shapes/`."""

import json
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

sys.path.insert(0, str(Path(__file__).parents[1]))

from support.hosted_services import SHAPES
from support.target_readers import run_reader

for target in ("together", "fireworks"):
    with TemporaryDirectory() as folder:
        [shapes] = run_reader(target, [target], Path(folder), "client_shapes.py")
    lines = ",\n".join(
        f"{json.dumps(name)}: {json.dumps(shape, sort_keys=True)}" for name, shape in shapes.items()
    )
    (SHAPES / f"{target}.json").write_text(f"{{\n{lines}\n}}\n")
