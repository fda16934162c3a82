"""What experts that plan anew at every observation have in common."""

from wla_ros.core import registry
from wla_ros.core.joint_layout import JointLayout
from wla_ros.core.ports import Policy
from wla_ros.core.types import PolicySpec
from wla_ros.core.types import Representation

HORIZON = 32
DT_NS = 33_333_333
# Rows of the prefix and of the projected state that make sense: a quarter of the horizon is left.
MOST_ROWS = 24


def expert_spec(task: str, layout: JointLayout) -> PolicySpec:
    """
    Return the specification: absolute joints of all arms, and everything that strategies ask for.

    The expert extrapolates the motion of objects to the time of every row, so it also is its own
    forward model.
    """
    return PolicySpec(
        name='expert',
        version=task,
        representation=Representation.JOINT_POSITION,
        columns=layout.columns,
        horizon=HORIZON,
        dt_ns=DT_NS,
        needs_objects=True,
        guided_prefix=True,
        clean_prefix_rows=MOST_ROWS,
        rolled_rows=MOST_ROWS,
        forward_model=True,
    )


def make_expert(task: str) -> Policy:
    """Return the expert of `task`. Raises ConfigurationError naming the experts there are."""
    expert: Policy = registry.load(registry.EXPERTS, task)()
    return expert
