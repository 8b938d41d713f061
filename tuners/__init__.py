"""Tuners: how the control is chosen from feedback."""
