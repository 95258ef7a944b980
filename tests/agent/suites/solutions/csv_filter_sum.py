from library import csv_filter_rows, csv_sum_column

GOAL = "Read {file} and write the sum of the column {column} over the rows whose {by} is {value} to {out}."


def csv_filter_sum(file, column, by, value, out):
    csv_filter_rows(file, by, value, "kept.csv")
    csv_sum_column("kept.csv", column, out)
