"""
Message definitions without ROS.

The standard ones, ours, and those of other installed packages on request. Owns where definitions
are looked for. Must not import generated message modules.
"""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from rosbags.interfaces import Nodetype
from rosbags.interfaces.typing import Typesdict
from rosbags.typesys import Stores
from rosbags.typesys import get_types_from_msg
from rosbags.typesys import get_typestore
from rosbags.typesys.store import Typestore

from wla_ros.core.errors import WlaError

OWN_PACKAGE = 'wla_ros'


class MessageTypeError(WlaError):
    """A message type has no definition that can be found."""


def own_definitions_folder() -> Path:
    """
    Return the folder of this package's .msg files: of the installed share, or of the source tree.

    Raises MessageTypeError naming the places looked at.
    """
    package = Path(__file__).resolve().parents[1]
    candidates = [prefix / 'share' / OWN_PACKAGE / 'msg' for prefix in _prefixes()]
    candidates += [parent / 'share' / OWN_PACKAGE / 'msg' for parent in package.parents]
    candidates.append(package.parent / 'msg')
    for folder in candidates:
        if (folder / 'ActionChunk.msg').is_file():
            return folder
    places = ', '.join(str(folder) for folder in candidates)
    raise MessageTypeError(
        f'no message definitions of {OWN_PACKAGE} in {places}; install the package'
    )


def message_types() -> Typestore:
    """Return a new store with the standard messages and those of this package."""
    # The standard messages used here are the same from Humble to Lyrical.
    store = get_typestore(Stores.ROS2_HUMBLE)
    definitions: Typesdict = {}
    for path in sorted(own_definitions_folder().glob('*.msg')):
        definitions.update(get_types_from_msg(path.read_text(), f'{OWN_PACKAGE}/msg/{path.stem}'))
    store.register(definitions)
    return store


def require_type(store: Typestore, name: str) -> None:
    """
    Make `name`, for example 'piper_msgs/msg/PosCmd', and all it contains known to `store`.

    Searches the share folders of AMENT_PREFIX_PATH. Raises MessageTypeError if there is no
    definition.
    """
    missing = [name]
    while missing:
        wanted = missing.pop()
        if wanted in store.fielddefs:
            continue
        package, _, short = wanted.partition('/msg/')
        paths = [prefix / 'share' / package / 'msg' / f'{short}.msg' for prefix in _prefixes()]
        found = next((path for path in paths if short and path.is_file()), None)
        if found is None:
            raise MessageTypeError(
                f'no definition of {wanted}; looked for '
                f'{", ".join(map(str, paths)) or "AMENT_PREFIX_PATH, which is empty"}'
            )
        definitions = get_types_from_msg(found.read_text(), wanted)
        # Contained types come first: the store compiles a type when it is registered.
        contained = [item for item in _contained(definitions) if item not in store.fielddefs]
        if contained:
            missing += [wanted, *contained]
        else:
            store.register(definitions)


def _contained(definitions: Typesdict) -> Iterable[str]:
    """Yield the names of message types that the fields of `definitions` refer to."""
    for _, fields in definitions.values():
        for _, description in fields:
            kind: Any = description
            if kind[0] in {Nodetype.ARRAY, Nodetype.SEQUENCE}:
                kind = kind[1][0]
            if kind[0] == Nodetype.NAME:
                yield str(kind[1])


def _prefixes() -> list[Path]:
    return [
        Path(prefix)
        for prefix in os.environ.get('AMENT_PREFIX_PATH', '').split(os.pathsep)
        if prefix
    ]
