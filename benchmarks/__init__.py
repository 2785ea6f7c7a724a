"""Measurements, as programs: `make bench`."""
