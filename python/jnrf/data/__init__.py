"""Documents to training examples and packed batches."""
