from library import csv_sum_column, table_markdown_to_csv

GOAL = "Write the sum of the column {column} of the Markdown table in {file} to {out}."


def table_markdown_sum(column, file, out):
    table_markdown_to_csv(file, "table.csv")
    csv_sum_column("table.csv", column, out)
