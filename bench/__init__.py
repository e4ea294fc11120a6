"""How fast FreshTrack is, measured through its own doors. `python -m bench`, or `make bench`; README.md explains."""
