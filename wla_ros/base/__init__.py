"""Values, time, configuration, curves and geometry that all rooms share. numpy and yaml only."""
