"""Release notifications: subscribe, decide anew, seal, send, hear back."""
