"""What a researcher runs: corpora, training, scoring, reports and the command line."""
