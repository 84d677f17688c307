"""Heads: tags of rows, and relations, a module for each kind."""
