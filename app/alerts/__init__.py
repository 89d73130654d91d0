"""Alerts on misuse: rules as data, each kind a function over what the access log says."""
