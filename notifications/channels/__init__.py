"""One folder a channel, the same file names in each; `sending.py` has `send(notification) -> provider id`.

`Refused` is the provider's final no; anything else that is raised is tried again.
"""


class Refused(Exception):
    """This message will never be accepted: a bad address, a blocked recipient. The text says which."""
