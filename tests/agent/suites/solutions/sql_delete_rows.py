import sqlite3

GOAL = "Delete the rows of the table {table} in {file} whose {column} is below {least}."


def sql_delete_rows(table, file, column, least):
    with sqlite3.connect(file) as database:
        database.execute(f"DELETE FROM {table} WHERE {column} < ?", [int(least)])
