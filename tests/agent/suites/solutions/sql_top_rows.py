import sqlite3
from pathlib import Path

GOAL = "Write the column {column} of the {many} rows of the table {table} in {file} with the largest {by} to {out}, one a line, the largest first."


def sql_top_rows(column, many, table, file, by, out):
    query = f"SELECT {column} FROM {table} ORDER BY {by} DESC LIMIT {many}"
    Path(out).write_text("".join(f"{row[0]}\n" for row in sqlite3.connect(file).execute(query)))
