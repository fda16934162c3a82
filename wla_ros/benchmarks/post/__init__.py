"""The task pass_post: a kinematic world with two equally good ways."""
