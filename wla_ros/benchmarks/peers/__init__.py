"""How other programs execute chunks, behind the same limiter."""
