"""Names for those who publish chunks, so that autonomy can be given to one of them."""

import secrets


def new_session() -> int:
    """Return a random 64-bit number other than 0, which means unnamed."""
    return secrets.randbits(64) | 1
