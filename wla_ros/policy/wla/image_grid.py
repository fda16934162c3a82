"""The size of an image in patches. Knows no torch."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ImageGrid:
    """Height and width of one still image in patches; both are multiples of the merge size."""

    height: int
    width: int

    @property
    def patches(self) -> int:
        """Number of patches."""
        return self.height * self.width

    def merged(self, merge: int) -> tuple[int, int]:
        """Return rows and columns of tokens, `merge` x `merge` patches each."""
        return self.height // merge, self.width // merge
