"""Working times and wages. Times are texts such as "08:30", wages are in cents."""
