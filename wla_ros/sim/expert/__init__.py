"""
Scripted experts: policies that see object poses, for demonstrations and as an upper bound.
Simulation only.

A new expert is its own file and one entry point, under the name of its task.
"""
