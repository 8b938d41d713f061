"""Search of solver schedules as an experiment: storage, workers, figures, evidence."""
