"""The program: `sftc`, or `python -m sftc`."""

import atexit
import gc
import signal

gc.set_threshold(100_000)  # most runs end before that, and start a tenth sooner; a service collects
atexit.register(gc.freeze)  # nor is it collected at the end, just before the process is gone

interrupt = signal.getsignal(signal.SIGINT)
if interrupt is signal.default_int_handler:  # and not ignored, as it is by what a script starts with &
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # until the commands are imported, Ctrl-C just ends it

from sftc.cli.main import main  # noqa: E402  the imports are what there is to collect

signal.signal(signal.SIGINT, interrupt)

if __name__ == "__main__":
    main()
