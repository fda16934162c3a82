"""From streams of samples to one observation: buffers, histories, synchronisation by exposure."""
