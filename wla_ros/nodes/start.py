# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""
Start a node, or say in one line which package is missing on this machine.

  python -m wla_ros.nodes.start wla_ros.nodes.executor.node --ros-args ...

Executables and commands start nodes through here. Imports nothing of ROS itself.
"""

import runpy
import signal
import sys

from wla_ros.base.missing_package import missing_package

EXIT_MISSING = 2  # as for parameters that cannot be used


def executor_node() -> int:
    """Run the executor node; returns the exit code."""
    return start('wla_ros.nodes.executor.node')


def policy_node() -> int:
    """Run the policy node; returns the exit code."""
    return start('wla_ros.nodes.policy.node')


def recorder_node() -> int:
    """Run the recorder node; returns the exit code."""
    return start('wla_ros.nodes.recorder.node')


def sim_node() -> int:
    """Run the simulated rig; returns the exit code."""
    return start('wla_ros.nodes.sim.node')


def start(module: str) -> int:
    """
    Run a module as `python -m` does; returns 0 unless it raises SystemExit.

    2 if a package is missing, with one line on stderr that names it and how to install it.
    """
    try:
        runpy.run_module(module, run_name='__main__', alter_sys=True)
    except ImportError as error:
        said = missing_package(error)
        if said is None:
            raise
        name = module.removesuffix('.node').rpartition('.')[2]
        sys.stderr.write(f'{name}{"_node" * module.endswith(".node")}: {said}\n')
        return EXIT_MISSING
    except KeyboardInterrupt:  # while modules are imported; a running node handles its signals
        return 128 + signal.SIGINT
    return 0


if __name__ == '__main__':
    sys.exit(start(sys.argv.pop(1)))
