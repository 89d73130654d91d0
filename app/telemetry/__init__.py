"""What operators are told of the running service: measures and traces, and of nobody anything."""
