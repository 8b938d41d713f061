"""Bandits: arms chosen over a sequence of problems from what each cost."""
