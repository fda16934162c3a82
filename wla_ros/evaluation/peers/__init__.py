"""
How other programs execute chunks, as behaviour written from their documentation and papers.

None of their code is here. What decides is which row of which chunk goes out at which control
step; rig, policy, curve between two rows and last-stage limits are those of the benchmark.
"""
