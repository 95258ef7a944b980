"""How the depot is run."""

LEAST_UNITS = 5
PACK_SIZE = 12
LONGEST_NAME = 20
