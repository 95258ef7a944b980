import csv

GOAL = "Sort the tab-separated rows of {file} by {column}, the largest number first, and write them with the header to {out}."


def table_sort(file, column, out):
    with open(file, newline="") as stream:
        header, *rows = csv.reader(stream, delimiter="\t")
    rows.sort(key=lambda row: float(row[header.index(column)]), reverse=True)
    with open(out, "w", newline="") as stream:
        csv.writer(stream, delimiter="\t").writerows([header, *rows])
