"""Automatic learning rates against their peers, at equal total steps."""
