import csv
import sqlite3

GOAL = (
    "Make a SQLite database {out} with one table {table} that holds the columns and rows of {file}."
)


def sql_import_csv(out, table, file):
    with open(file, newline="") as stream:
        header, *rows = csv.reader(stream)
    with sqlite3.connect(out) as database:
        database.execute(f"CREATE TABLE {table} ({', '.join(header)})")
        marks = ", ".join("?" * len(header))
        database.executemany(f"INSERT INTO {table} VALUES ({marks})", rows)
