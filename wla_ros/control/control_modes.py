"""
Who commands the arms: the modes, the legal transitions between them and the latch of the emergency
stop.

Owns the mode, its revision and its reason. Conditions on the state of the robot are the
executor's.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from wla_ros.control import reasons
from wla_ros.core.types import Mode
from wla_ros.core.types import Refusal

# ESTOP is left by `reset_emergency_stop` alone, never by asking for a mode.
TRANSITIONS: Mapping[Mode, frozenset[Mode]] = MappingProxyType(
    {
        Mode.HOLD: frozenset({Mode.AUTONOMY, Mode.HOMING, Mode.ESTOP}),
        Mode.AUTONOMY: frozenset({Mode.HOLD, Mode.ESTOP}),
        Mode.HOMING: frozenset({Mode.HOLD, Mode.ESTOP}),
        Mode.ESTOP: frozenset(),
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ModeEntry:
    """The mode in force and how it came about. Fields as in ControlMode.msg."""

    mode: Mode
    revision: int
    cause: str  # a name of `reasons`
    reason: str  # for people
    entered_ns: int


class ControlModes:
    """The mode in force."""

    def __init__(self) -> None:
        """Start in HOLD."""
        self.entry = ModeEntry(
            mode=Mode.HOLD,
            revision=0,
            cause=reasons.START_UP,
            reason='the executor has started',
            entered_ns=0,
        )

    @property
    def mode(self) -> Mode:
        """The mode in force."""
        return self.entry.mode

    def judge(self, wanted: Mode) -> Refusal | None:
        """Return why `wanted` cannot follow the present mode; the present mode may."""
        mode = self.mode
        if wanted == mode or wanted in TRANSITIONS[mode]:
            return None
        detail = f'{wanted.name} cannot follow {mode.name}; '
        if mode == Mode.ESTOP:
            detail += 'reset the emergency stop first'
        else:
            detail += f'possible are {", ".join(sorted(m.name for m in TRANSITIONS[mode]))}'
        return Refusal(reason=reasons.TRANSITION_ILLEGAL, detail=detail)

    def enter(self, mode: Mode, now_ns: int, *, cause: str, reason: str) -> None:
        """Put `mode`, judged by the caller, into force; the present mode stays as it is."""
        if mode != self.mode:
            self.entry = ModeEntry(
                mode=mode,
                revision=self.entry.revision + 1,
                cause=cause,
                reason=reason,
                entered_ns=now_ns,
            )

    def reset_emergency_stop(self, now_ns: int, reason: str) -> Refusal | None:
        """Leave ESTOP for HOLD; refused in any other mode."""
        if self.mode != Mode.ESTOP:
            return Refusal(
                reason=reasons.NOT_LATCHED,
                detail=f'the mode is {self.mode.name}, there is no emergency stop to reset',
            )
        self.enter(Mode.HOLD, now_ns, cause=reasons.REQUESTED, reason=reason)
        return None
