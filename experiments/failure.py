"""What cannot be done though it was asked for rightly: the exit code 1 of the command line."""


class Failure(RuntimeError):
    """What was asked could not be done; the message says what and, where it helps, what next."""
