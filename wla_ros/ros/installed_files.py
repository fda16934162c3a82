"""
Finds the configuration files that ship with the package: installed, or in the source tree.

Owns the places and their order. Must not know what the files mean.
"""

import os
from pathlib import Path

PACKAGE = 'wla_ros'


def configuration_folders() -> tuple[Path, ...]:
    """
    Return the config folders that exist: installations on AMENT_PREFIX_PATH, this one's own, the
    source tree.
    """
    here = Path(__file__).resolve()
    prefixes = [
        Path(prefix)
        for prefix in os.environ.get('AMENT_PREFIX_PATH', '').split(os.pathsep)
        if prefix
    ]
    candidates = [prefix / 'share' / PACKAGE / 'config' for prefix in (*prefixes, *here.parents)]
    candidates.append(here.parents[2] / 'config')
    return tuple(dict.fromkeys(folder for folder in candidates if folder.is_dir()))


def find_configuration_file(relative: str) -> Path | None:
    """
    Return the first shipped file of that name below a config folder, for example
    'drivers/piper_ros.yaml'.
    """
    return next(
        (folder / relative for folder in configuration_folders() if (folder / relative).is_file()),
        None,
    )
