"""Journeyman: do it once with a language model; keep it as tested code."""
