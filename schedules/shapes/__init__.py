"""The shapes: one file a method, each with its equation and source."""
