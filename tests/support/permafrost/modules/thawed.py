"""A frozen module that the plan does not name."""
LIST = [1, 2, 3]
