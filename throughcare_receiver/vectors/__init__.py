"""Published test vectors, as JSON files; README.md explains each."""
