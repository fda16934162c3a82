"""
Places where a command puts its results: asked for before it works, so that no result is lost.

Every function raises ConfigurationError that names the option.
"""

import os
from pathlib import Path

from wla_ros.core.errors import ConfigurationError
from wla_ros.core.errors import Problem


def make_folder(folder: Path, option: str, *, new: bool = False) -> None:
    """Make `folder` if need be; it can be written to, and did not exist if it is to be `new`."""
    try:
        folder.mkdir(parents=True, exist_ok=not new)
        what = '' if os.access(folder, os.W_OK) else 'is not writable'
    except FileExistsError:
        what = 'exists already' if new else 'is no folder'
    except OSError as error:
        what = f'cannot be made: {error.strerror}'
    if what:
        raise _refused(option, f'{folder} {what}', 'name another folder')


def check_file(path: Path | None, option: str) -> None:
    """Judge whether the file at `path` can be written; no path, no problem."""
    if path is None:
        return
    folder = path.absolute().parent
    if path.is_dir():
        raise _refused(option, f'{path} is a folder', 'name a file')
    if not folder.is_dir():
        raise _refused(option, f'there is no folder {folder}', 'make it first')
    if not os.access(path if path.exists() else folder, os.W_OK):
        raise _refused(option, f'{path} is not writable', 'name another file')


def _refused(option: str, what: str, remedy: str) -> ConfigurationError:
    problem = Problem(where=option, what=what, remedy=remedy)
    return ConfigurationError('arguments', (problem,))
