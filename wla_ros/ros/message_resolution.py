"""
Message and service types by name, the first one that is installed.

Driver packages (piper_msgs, agx_arm_msgs) need not be there for the simulated rig: it speaks types
of this package, which profiles name beside those of the driver. No real driver does.
"""

import importlib
from typing import Any

from wla_ros.core.errors import ConfigurationError
from wla_ros.core.errors import Problem

_OWN_PACKAGE = 'wla_ros/'


def spoken_types(names: tuple[str, ...], *, simulated: bool) -> tuple[str, ...]:
    """
    Return those of `names` that the other side can speak.

    The simulated rig: the types of this package where there are some, else all. A real driver:
    never those of this package, whatever is installed.
    """
    own = tuple(name for name in names if name.startswith(_OWN_PACKAGE))
    if simulated:
        return own or names
    return tuple(name for name in names if name not in own)


def installed_type(names: tuple[str, ...]) -> str:
    """Return the first of `names` that can be imported, '' if none can."""
    return next((name for name in names if _load(name) is not None), '')


def resolve_type(names: tuple[str, ...], *, where: str) -> Any:
    """
    Return the class of the first of `names` ('package/msg/Type') that can be imported.

    Raises ConfigurationError naming all of them and `where` they are asked for.
    """
    for name in names:
        found = _load(name)
        if found is not None:
            return found
    problem = Problem(
        where=where,
        what=f'no message type of {", ".join(names) or "the driver"} is installed',
        remedy='install and source the package of the driver',
    )
    raise ConfigurationError('message types', (problem,))


def _load(name: str) -> Any:
    """Return the class of 'package/msg/Type', None if it is not installed."""
    package, kind, short = name.split('/')
    try:
        module = importlib.import_module(f'{package}.{kind}')
    except ImportError:  # not there, or its libraries are not
        return None
    return getattr(module, short, None)
