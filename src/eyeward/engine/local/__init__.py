"""Guards whose weights run in this process, on PyTorch and transformers."""
