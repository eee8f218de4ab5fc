"""Beside this file lies `claims_batch`, which the tests of every folder below may import."""
