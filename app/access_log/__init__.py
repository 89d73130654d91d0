"""The access log: who received what about whom, when and why, in a form that shows tampering."""
