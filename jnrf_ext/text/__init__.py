"""Text to wordpieces, words, sentences and BIO tags, and back to characters."""
