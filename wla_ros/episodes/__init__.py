"""Whole episodes: run in virtual time or recorded live, then judged and reported alike."""
