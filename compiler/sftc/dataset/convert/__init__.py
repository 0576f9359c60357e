"""Converts files of other formats to JSON Lines of messages, in bounded memory.

Input: files and folders in any container and row format of the tables here. Output: rows that pass
`sftc dataset check`, findings, and a report of what was left out. This package must not import
anything about configs or services.
"""
