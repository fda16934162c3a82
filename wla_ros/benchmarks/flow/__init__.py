"""A small flow-matching policy trained for the execution benchmark."""
