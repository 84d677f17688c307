"""Training a JNRF: settings, the loop, checkpoints, and what a run leaves behind."""
