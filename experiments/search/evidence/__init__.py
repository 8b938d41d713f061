"""The evidence of the solver search: metrics, protocol, study, tables and pictures."""
