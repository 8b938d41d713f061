"""Work that many workers share: jobs are claimed, leased and recorded in one Optuna study.

A job has a key, the same for all workers; its result is recorded once. Who does it, where, and
how often workers are killed on the way makes no difference to what is recorded.

To share another kind of work: a job (:class:`~.ledger.Job`), its result
(:class:`~.ledger.Result`), and a status that tells what is left (:class:`~.worker.Status`).
"""
