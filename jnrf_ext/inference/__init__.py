"""Text in, documents with mentions and relations out."""
