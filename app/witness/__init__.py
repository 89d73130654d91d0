"""The program of a witness: an agency that cosigns the checkpoints of an access log.

It runs at the agency with a key and a memory of its own, and needs nothing of the service: of
this project it uses the formats and the arithmetic of the log, which are pure. It remembers of
each log the largest checkpoint that it cosigned, and cosigns what is proved to extend that.

From the wire inwards: `server` takes a request, `cosigner` judges it against what `memory` holds,
and `evidence` keeps what contradicts it.
"""
