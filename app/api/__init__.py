"""The HTTP face: it reads requests, opens one door each, and writes answers."""
