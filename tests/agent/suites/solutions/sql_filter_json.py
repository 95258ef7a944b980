import json
import sqlite3
from pathlib import Path

GOAL = "Write the rows of the table {table} in {file} whose {column} is {value} to {out} as a list of objects, ordered by {by}."


def sql_filter_json(table, file, column, value, out, by):
    database = sqlite3.connect(file)
    database.row_factory = sqlite3.Row
    rows = database.execute(f"SELECT * FROM {table} WHERE {column} = ? ORDER BY {by}", [value])
    Path(out).write_text(json.dumps([dict(row) for row in rows]))
