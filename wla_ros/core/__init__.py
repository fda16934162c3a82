"""
Pure logic and the value types that cross seams.

May import numpy and the standard library only; reads no clock.
"""
