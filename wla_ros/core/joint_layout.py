"""
The only place that knows the order of columns in a joint vector.

A robot has arms, an arm has six joints [rad] and a gripper opening width [m]. Column names are
'<arm>/<joint>', for example 'left/joint1' ... 'left/joint6', 'left/gripper', 'right/joint1', ...
"""

from dataclasses import dataclass

ARM_JOINTS = ('joint1', 'joint2', 'joint3', 'joint4', 'joint5', 'joint6')
GRIPPER = 'gripper'
ARM_COLUMNS = (*ARM_JOINTS, GRIPPER)
ARM_WIDTH = len(ARM_COLUMNS)
POSE_COLUMNS = ('x', 'y', 'z', 'qx', 'qy', 'qz', 'qw', GRIPPER)
POSE_WIDTH = len(POSE_COLUMNS)


@dataclass(frozen=True, slots=True)
class JointLayout:
    """Arms in column order, for example ('left', 'right'); a single-arm robot has one."""

    arms: tuple[str, ...]

    def __post_init__(self) -> None:
        """Refuse layouts whose columns would be ambiguous."""
        if not self.arms or len(set(self.arms)) != len(self.arms):
            raise ValueError(f'arms must be distinct and at least one, got {self.arms!r}')

    @property
    def width(self) -> int:
        """Number D of joint columns: seven per arm."""
        return ARM_WIDTH * len(self.arms)

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the D joint columns."""
        return tuple(f'{arm}/{column}' for arm in self.arms for column in ARM_COLUMNS)

    @property
    def pose_columns(self) -> tuple[str, ...]:
        """Names of the end-effector columns per arm: x y z [m], quaternion xyzw, gripper [m]."""
        return tuple(f'{arm}/{column}' for arm in self.arms for column in POSE_COLUMNS)

    @property
    def gripper_indices(self) -> tuple[int, ...]:
        """Columns that are gripper widths [m]."""
        return tuple(ARM_WIDTH * i + ARM_WIDTH - 1 for i in range(len(self.arms)))

    @property
    def joint_indices(self) -> tuple[int, ...]:
        """Columns that are joint angles [rad]."""
        return tuple(i for i in range(self.width) if i % ARM_WIDTH != ARM_WIDTH - 1)

    def arm_slice(self, arm: str) -> slice:
        """Return the seven columns of `arm`. Raises ValueError for an unknown arm."""
        start = ARM_WIDTH * self._index(arm)
        return slice(start, start + ARM_WIDTH)

    def pose_slice(self, arm: str) -> slice:
        """Return the eight end-effector columns of `arm`. Raises ValueError for an unknown arm."""
        start = POSE_WIDTH * self._index(arm)
        return slice(start, start + POSE_WIDTH)

    def _index(self, arm: str) -> int:
        if arm not in self.arms:
            raise ValueError(f'unknown arm {arm!r}, the layout has {self.arms!r}')
        return self.arms.index(arm)
