"""The command line: click commands that parse, call, render and choose the exit code; no logic.

In: arguments. Out: text on stdout and stderr, files, an exit code. Must not know how anything
is compiled, checked, sent or trained: it calls what does.
"""
