"""A small HTTP service around a trained model: notes in as JSON, mentions and relations out."""
