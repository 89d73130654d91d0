"""Auditors ask who received what, when and why. Their own reads are entries too."""
