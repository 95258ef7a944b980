import csv
import sqlite3

GOAL = "Export the table {table} of {file} to {out} with a header, ordered by {column}."


def sql_export_csv(table, file, out, column):
    rows = sqlite3.connect(file).execute(f"SELECT * FROM {table} ORDER BY {column}")
    with open(out, "w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow([column[0] for column in rows.description])
        writer.writerows(rows)
