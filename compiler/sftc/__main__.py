"""The program: `sftc`, or `python -m sftc`."""

import gc

gc.disable()  # a run ends before collecting pays off, and the start is a twentieth shorter

from sftc.cli.main import main  # noqa: E402  the imports are what there is to collect

if __name__ == "__main__":
    main()
