"""Execution strategies compared over delays: grid, cells, statistics, page."""
