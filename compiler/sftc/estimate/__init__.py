"""How much memory and time a run needs, before its model is loaded.

In: a config that compiles, the numbers in the model's `config.json`, a device, and the lengths of rows. Out:
the bytes of each part and the seconds, within bounds, as data. It must not know torch, the command line, or
how a report looks.
"""
