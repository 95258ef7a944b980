import csv

GOAL = "Sort the rows of {file} by {column}, the smallest number first, and write them with the header to {out}."


def csv_sort_rows(file, column, out):
    with open(file, newline="") as stream:
        header, *rows = csv.reader(stream)
    rows.sort(key=lambda row: float(row[header.index(column)]))
    with open(out, "w", newline="") as stream:
        csv.writer(stream).writerows([header, *rows])
