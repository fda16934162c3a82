"""When the policy is asked, what it is told of the plan, and what becomes of its result."""
