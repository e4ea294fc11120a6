"""Until somebody answers: which policy an alert is given to, whom each of its steps tells, and when.

Note [Until somebody answers]. A policy's steps are frozen into the alert when it opens (`Alert.plan`): whoever changes
a policy at night doesn't lose the alerts that are under way. `Alert.step` counts the steps that were taken, and
`Alert.tell_at` is the time of the next: the one clock that mutes, snoozes and lapses use, found by the one sweep. A
step is taken in the transaction that promises its messages and moves the clock on, with the alert locked: two workers
never take it twice, and one that is killed leaves it as it was. Only a person's answer stops the clock: a carrier's
word that a message arrived is no answer. After the last step the first follows. A step that reaches nobody (somebody
left, a shift is empty, every address is switched off) costs no time: the next is taken at once, and if none reaches
anybody, managers are told. Nothing in here moves an alert (lifecycle/stepping.py does).
"""
