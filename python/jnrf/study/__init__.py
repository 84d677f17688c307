"""Studies: systems x corpora x seeds x folds, trained and scored alike, and compared in tables."""
