"""The program of a receiving agency: reads what it may, takes notifications, acknowledges them.

It runs at the agency, beside the agency's own systems, and therefore stands alone: of this
project it uses the cryptography (`app.crypto`) and nothing else.

From the wire inwards: `server` takes a notification, `reception` judges it with `notification`
and puts it into the `store`; `answering` tells the service about it through the `client`.
"""
