"""What might reach nobody, found before it matters.

Note [Coverage]. It asks with the code that tells: choosing says which policy holds where, rota who is on duty,
routing whom something would be sent to. A policy is tried now, and at the beginning of each shift of the next two weeks
that reaches nobody; for the places where it holds and nothing more specific stands before it. What is a cause of that
(somebody left, a shift is empty, an address fails) is critical if something critical would reach nobody because of it,
otherwise a warning: others are told, or managers. Who is restricted to some sites is shown what concerns these; a
schedule of another site, which they can't see, is taken for one that reaches somebody.

| file | what |
| --- | --- |
| `holes.py` | what a hole is |
| `knowing.py` | the rows, a dozen statements however many there are |
| `reaching.py` | which policy holds where, and whom it reaches when; pure |
| `policies.py`, `causes.py` | the holes of policies and places, and what they come from; pure |
| `finding.py` | all of them, worst first |
| `weekly.py` | the mail to owners on Mondays |
"""
