"""Policies behind `wla_ros.base.types.Policy`. Importing one that is not run costs nothing."""
