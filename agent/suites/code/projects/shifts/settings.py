"""What was agreed about work."""

PAUSE_AFTER = 360
PAUSE_MINUTES = 30
SUNDAY_PERCENT = 50
