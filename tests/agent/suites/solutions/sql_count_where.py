import sqlite3
from pathlib import Path

GOAL = "Write the number of rows of the table {table} in {file} whose {column} is {value} to {out}."


def sql_count_where(table, file, column, value, out):
    query = f"SELECT count(*) FROM {table} WHERE {column} = ?"
    Path(out).write_text(str(sqlite3.connect(file).execute(query, [value]).fetchone()[0]))
