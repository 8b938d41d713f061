"""Test problems for linear solvers: families of related systems, and matrices from files."""
