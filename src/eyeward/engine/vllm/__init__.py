"""Runs a checkpoint with vLLM in this process, or in one process for each GPU."""
