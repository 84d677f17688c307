"""Pretrained transformers over whole documents."""
