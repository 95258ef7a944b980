from library import csv_sum_column, date_rows_before

GOAL = "Write the sum of {column} over the rows of {file} whose {day} is before {limit} to {out}."


def date_sum_before(column, file, day, limit, out):
    date_rows_before(file, day, limit, "kept.csv")
    csv_sum_column("kept.csv", column, out)
