"""Digests: what happened in an organization, each day or week, to a person by e-mail.

| file | what |
| --- | --- |
| `periods.py` | when the next one is due, and which stretch it tells of; pure |
| `choosing.py` | which digests a person gets, and at which time of day |
| `sections.py` | what each room has to tell (settings.DIGEST_SECTIONS) |
| `making.py` | the words |
| `sending.py` | the sweep that finds what is due |
"""
