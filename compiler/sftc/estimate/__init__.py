"""How much memory a run needs, before its model is loaded.

In: a config that compiles, the numbers in the model's `config.json`, and a device. Out: the bytes of each
part within bounds, as data. It must not know torch, rows of data, the command line, or how a report looks.
"""
