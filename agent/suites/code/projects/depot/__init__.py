"""What lies in a depot. Levels are units by name, such as {"rope": 12}."""
