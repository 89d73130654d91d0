"""The person's own report in words: in the languages of the profiles, as text, JSON and PDF."""
