"""Loans of a small library. Dates are texts such as "2024-05-31"."""
