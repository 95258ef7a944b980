import csv

GOAL = "Write each {by} in {file} and the sum of its {column} to {out}, in alphabetical order and with a header."


def csv_group_sum(column, by, file, out):
    totals = {}
    with open(file, newline="") as stream:
        for row in csv.DictReader(stream):
            totals[row[by]] = totals.get(row[by], 0) + float(row[column])
    with open(out, "w", newline="") as stream:
        csv.writer(stream).writerows([("name", "total"), *sorted(totals.items())])
