"""Odd files and command lines that people really have, each with what is right to make of it.

A case is data (`case`); the groups are modules of such data, and `test_odd` tries them all. To add
one, add a row to the group it belongs to: the files, what they are like without the oddity (the
*twin*), and, where it is refused, what is told and the overrides that are advised.
"""
