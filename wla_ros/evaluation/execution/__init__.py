"""
The benchmark of execution strategies: cells, outcomes of episodes, statistics, verdict, figures.

Pure: episodes are run by the command line, which is told what to run and hands back outcomes.
"""
