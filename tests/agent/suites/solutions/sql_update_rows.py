import sqlite3

GOAL = "In the table {table} of {file} set {column} to {value} in the rows whose {by} is {held}."


def sql_update_rows(table, file, column, value, by, held):
    with sqlite3.connect(file) as database:
        database.execute(f"UPDATE {table} SET {column} = ? WHERE {by} = ?", [int(value), held])
