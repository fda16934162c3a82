"""From chunks to limited commands: gate, schedule, splice, path, limiter, supervision."""
