"""The program: `sftc`, or `python -m sftc`."""

import atexit
import gc

gc.set_threshold(100_000)  # most runs end before that, and start a tenth sooner; a service collects
atexit.register(gc.freeze)  # nor is it collected at the end, just before the process is gone

from sftc.cli.main import main  # noqa: E402  the imports are what there is to collect

if __name__ == "__main__":
    main()
