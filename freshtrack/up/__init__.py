"""`make up`: set up what is missing, start every process of FreshTrack, and stop them all together."""
