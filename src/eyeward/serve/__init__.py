"""Verdicts over HTTP: a queue before a guard, keys, policies, and routes that speak the clients' own schemas."""
