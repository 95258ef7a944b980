import csv
import sqlite3

GOAL = "Join the tables {table} and {other} in {file} by {key} and id, and write each label and the sum of its {column} to {out}, in alphabetical order and with a header."


def sql_join_totals(table, other, file, key, column, out):
    query = f"SELECT label, sum({column}) FROM {table} JOIN {other} ON {key} = {other}.id"
    rows = sqlite3.connect(file).execute(f"{query} GROUP BY label ORDER BY label")
    with open(out, "w", newline="") as stream:
        csv.writer(stream).writerows([("label", "total"), *rows])
