"""Models and pretrained weights on disk: checked, never unpickled as code."""
