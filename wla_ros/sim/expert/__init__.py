"""Scripted experts: policies that see object poses, for demonstrations and as an upper bound."""
