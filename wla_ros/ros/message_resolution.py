"""
Message and service types by name, the first one that is installed.

Driver packages (piper_msgs, agx_arm_msgs) need not be there: profiles name fallbacks of this
package.
"""

import importlib
from typing import Any

from wla_ros.core.errors import ConfigurationError
from wla_ros.core.errors import Problem


def resolve_type(names: tuple[str, ...], *, where: str) -> Any:
    """
    Return the class of the first of `names` ('package/msg/Type') that can be imported.

    Raises ConfigurationError naming all of them and `where` they are asked for.
    """
    for name in names:
        package, kind, short = name.split('/')
        try:
            module = importlib.import_module(f'{package}.{kind}')
        except ModuleNotFoundError:
            continue
        if hasattr(module, short):
            return getattr(module, short)
    problem = Problem(
        where=where,
        what=f'no message type of {", ".join(names)} is installed',
        remedy='install and source the package of the driver',
    )
    raise ConfigurationError('message types', (problem,))
