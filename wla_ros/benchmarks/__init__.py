"""What serves comparisons alone; no other room imports it."""
