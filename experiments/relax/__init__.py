"""Studies of relaxation: learners compared on tables of costs."""
