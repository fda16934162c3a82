"""Robot descriptions and driver conventions. Pure: imports `wla_ros.core`, numpy and yaml only."""
