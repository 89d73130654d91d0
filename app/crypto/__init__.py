"""Cryptography: signing (JWS), sealing (JWE), encryption at rest and the key ring.

A foundation: it imports nothing else of this project, and it is the only home of `jose`.
What `jose` does is always done behind checks of our own, because as a library it is lenient.

Randomness is an argument where the caller can tell good from bad (nonces, symmetric keys).
Four things are drawn from the operating system by the libraries and cannot be passed in:
asymmetric key pairs, the nonce inside an ECDSA signature, the content key and the
initialisation vector of a sealed message.
"""
