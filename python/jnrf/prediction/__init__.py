"""Bulk prediction: notes in, from files or tables; mentions and relations out; nothing lost.

A :class:`~jnrf.prediction.notes.Source` cuts its notes into parts, each of about as many
wordpieces. A part is read, put through the model and written as one, and a receipt says so: the
least that is lost by a kill, the most that is in memory a stage, and what a worker of a cluster
takes.
"""
