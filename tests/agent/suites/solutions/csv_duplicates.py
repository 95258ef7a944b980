import csv

GOAL = "Write the rows of {file} that repeat an earlier row to {out}, with the header and in their order."


def csv_duplicates(file, out):
    with open(file, newline="") as stream:
        header, *rows = csv.reader(stream)
    repeated = [row for at, row in enumerate(rows) if row in rows[:at]]
    with open(out, "w", newline="") as stream:
        csv.writer(stream).writerows([header, *repeated])
