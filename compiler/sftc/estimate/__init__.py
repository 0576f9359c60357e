"""How large a model is, before it is loaded: its tensors, by the numbers in its `config.json`.

In go these numbers, out come layers and parameters. It must not know torch, configs, rows of data, or how a
report looks.
"""
