# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""
The file that people and the Makefile source: `. .venv/wla_ros_env.sh`.

It puts the environment in front of what is already there, so a sourced distribution stays.
"""

from __future__ import annotations

from pathlib import Path

from ros_source import RosSource

FILE_NAME = 'wla_ros_env.sh'

HEAD = """\
# Written by config/build/setup_environment.py: edits are lost.
# Source it from a POSIX shell, bash or zsh: `. .venv/{file_name}`

_wla_ros_prefix='{environment}'

# Put directory $2 in front of variable $1, unless it is in it.
_wla_ros_prepend() {{
  eval "_wla_ros_value=\\"\\${{$1:-}}\\""
  case ":$_wla_ros_value:" in
    *":$2:"*) ;;
    *) eval "export $1=\\"$2\\${{_wla_ros_value:+:\\$_wla_ros_value}}\\"" ;;
  esac
}}
"""

DISTRIBUTION = """
# the environment was made for the ROS 2 distribution in {prefix}
case ":${{AMENT_PREFIX_PATH:-}}:" in
  *':{prefix}:'*) ;;
  *) if [ -f '{prefix}/setup.sh' ]; then . '{prefix}/setup.sh'; fi ;;
esac
_wla_ros_prepend LD_LIBRARY_PATH "$_wla_ros_prefix/lib"
"""

WHEELS = """
# the environment holds ROS 2 itself; with a distribution it would make two of one name
if [ -n "${{ROS_DISTRO:-}}" ]; then
  echo "wla_ros: ROS 2 $ROS_DISTRO is sourced, but {environment} was set up with ROS 2 from" >&2
  echo "PyPI. Run 'make setup' here to use the distribution, or open a new terminal." >&2
  return 1
fi
unset _ROS_WHEELS_BOOTSTRAP_COMPLETE
"""

TAIL = """
_wla_ros_prepend PATH "$_wla_ros_prefix/bin"
_wla_ros_prepend AMENT_PREFIX_PATH "$_wla_ros_prefix"
_wla_ros_prepend CMAKE_PREFIX_PATH "$_wla_ros_prefix"
export VIRTUAL_ENV="$_wla_ros_prefix"
unset -f _wla_ros_prepend
unset _wla_ros_prefix _wla_ros_value
"""


def write(environment: Path, ros: RosSource) -> None:
    """Write the file for `environment`, which was made for `ros`."""
    middle = DISTRIBUTION if ros.is_distribution else WHEELS
    text = (HEAD + middle + TAIL).format(
        environment=environment, file_name=FILE_NAME, prefix=ros.prefix
    )
    path = environment / FILE_NAME
    if not path.exists() or path.read_text() != text:
        path.write_text(text)
