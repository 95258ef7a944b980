"""Prices and orders of a small shop. Money is in whole cents."""
