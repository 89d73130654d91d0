"""The program of a receiving agency: reads what it may, takes notifications, acknowledges them.

It runs at the agency, beside the agency's own systems, and therefore stands alone: of this
project it uses the library for receivers (`throughcare_receiver`) and nothing else.

From the wire inwards: `server` takes a notification, the library's `Receiver` judges it and puts
it into the store; `answering` tells the service about it through the `client`.
"""
