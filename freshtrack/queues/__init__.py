"""What waits, what runs and what failed: the page and the API for staff.

Rows are the queue (Note [Rows are the queue]): the outbox is what counts, bells in Redis only wake workers. Both are
shown, since a bell that nobody hears and a row that nobody carries are two different illnesses.
"""
