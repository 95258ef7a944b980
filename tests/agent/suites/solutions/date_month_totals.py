import csv

GOAL = "Write each month of {day} in {file}, as YYYY-MM, and the sum of its {column} to {out}, the earliest first and with a header."


def date_month_totals(column, day, file, out):
    totals = {}
    with open(file, newline="") as stream:
        for row in csv.DictReader(stream):
            month = row[day][:7]
            totals[month] = totals.get(month, 0) + float(row[column])
    with open(out, "w", newline="") as stream:
        csv.writer(stream).writerows([("month", "total"), *sorted(totals.items())])
