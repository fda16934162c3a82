"""Clients of the nodes, for command lines: tasks, graph probes, excitation."""
