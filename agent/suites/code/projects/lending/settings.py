"""The rules of lending."""

LOAN_DAYS = 21
FEE_PER_DAY = 15
FEE_MOST = 900
