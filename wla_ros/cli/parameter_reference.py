"""The parameters of every node as Markdown tables, from the declarations that check them."""

from typing import Any

from wla_ros.core.configuration import describe
from wla_ros.ros.executor_configuration import ExecutorNodeConfiguration
from wla_ros.ros.policy_configuration import PolicyNodeConfiguration
from wla_ros.ros.recorder_configuration import RecorderNodeConfiguration
from wla_ros.ros.sim_configuration import SimNodeConfiguration

NODE_CONFIGURATIONS: dict[str, type[Any]] = {
    'policy_node': PolicyNodeConfiguration,
    'executor_node': ExecutorNodeConfiguration,
    'sim_node': SimNodeConfiguration,
    'recorder_node': RecorderNodeConfiguration,
}
_HEADER = '| parameter | type | unit | range | default | meaning |\n|---|---|---|---|---|---|\n'


def reference_tables() -> dict[str, str]:
    """Return a table per node; `<name>` stands for the names a person gives (cameras, arms)."""
    return {node: reference_table(kind) for node, kind in NODE_CONFIGURATIONS.items()}


def reference_table(kind: type[Any]) -> str:
    """Return the table of one configuration dataclass."""
    rows = (
        f'| `{row.key}` | {_plain(row.type_name)} | {row.unit} | {_plain(row.bounds)} '
        f'| {_plain(row.default)} | {_plain(row.description)} |\n'
        for row in describe(kind)
    )
    return _HEADER + ''.join(rows)


def _plain(text: str) -> str:
    """Escape what Markdown would take for a column."""
    return text.replace('|', 'or').replace('<', '&lt;')
