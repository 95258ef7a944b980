import csv

GOAL = "Write the rows of {file} whose {column} is {value} to {out}, with the header and in their order."


def csv_filter_rows(file, column, value, out):
    with open(file, newline="") as stream:
        header, *rows = csv.reader(stream)
    place = header.index(column)
    with open(out, "w", newline="") as stream:
        csv.writer(stream).writerows([header, *(row for row in rows if row[place] == value)])
