import csv

GOAL = "Write the rows of {file} whose {column} is before {limit} to {out}, with the header and in their order."


def date_rows_before(file, column, limit, out):
    with open(file, newline="") as stream:
        header, *rows = csv.reader(stream)
    place = header.index(column)
    with open(out, "w", newline="") as stream:
        csv.writer(stream).writerows([header, *(row for row in rows if row[place] < limit)])
