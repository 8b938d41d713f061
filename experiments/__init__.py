"""Experiments: what is better, and by how much; the command line and the storage."""
