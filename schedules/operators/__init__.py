"""The operators: each makes a new schedule of one or two others."""
