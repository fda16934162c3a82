"""What every flow-matching policy shares. May import torch; no policy."""
