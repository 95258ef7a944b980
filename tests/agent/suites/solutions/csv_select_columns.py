import csv

GOAL = "Write only the columns {names} and {last} of {file} to {out}, in this order and with the header."


def csv_select_columns(names, last, file, out):
    columns = [*names.split(", "), last]
    with open(file, newline="") as stream:
        rows = [[row[name] for name in columns] for row in csv.DictReader(stream)]
    with open(out, "w", newline="") as stream:
        csv.writer(stream).writerows([columns, *rows])
