import csv

GOAL = "Add to the rows of {file} as last column the {column} that {other} has for their {key}, both tab-separated with a header, and write them to {out}."


def table_join(file, column, other, key, out):
    with open(other, newline="") as stream:
        values = {row[key]: row[column] for row in csv.DictReader(stream, delimiter="\t")}
    with open(file, newline="") as stream:
        header, *rows = csv.reader(stream, delimiter="\t")
    place = header.index(key)
    with open(out, "w", newline="") as stream:
        writer = csv.writer(stream, delimiter="\t")
        writer.writerow([*header, column])
        writer.writerows([*row, values[row[place]]] for row in rows)
