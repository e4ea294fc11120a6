"""Cold rooms, probes and gateways that exist only in memory, for the demo, the tests and the bench."""
