"""Re-export: the package that writes models and the one that writes corpora share one routine."""

from jnrf_ext.files import write_atomically

__all__ = ["write_atomically"]
