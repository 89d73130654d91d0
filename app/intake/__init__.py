"""The only way in: decide, save, record, enqueue."""
