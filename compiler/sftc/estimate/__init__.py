"""How much memory a run takes, before it runs: a checked config and the shape of a model to bytes by parts.

In go a config, a model's `config.json` or safetensors headers, and a device; out come intervals, and what to
change. It must not know torch, rows of data, or how a report looks.
"""
