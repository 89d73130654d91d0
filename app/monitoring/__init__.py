"""Looking after the running service: whether it is ready, and its measures for operators."""
