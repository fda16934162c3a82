"""What the executor has to know about the health of an arm, whatever driver reports it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmCondition:
    """Verdict on one status message of an arm: may it be moved."""

    arm: str
    ok: bool
    reason: str  # a sentence, empty if ok: emergency stop, collision, not enabled, teach mode, ...
    receive_ns: int
    released: bool = False  # disabled or moved by hand: it follows no command at all
