"""The command line. Commands parse arguments, call other packages, print, and choose an exit code.

Input: command-line arguments. Output: text on stdout and stderr, files, and an exit code.
This package contains no logic for compiling, checking, submitting or training.
"""
