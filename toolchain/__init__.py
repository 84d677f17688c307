"""What builds jnrf_ext: checks of this machine, its CUDA compiler, torch for it. Not installed."""
