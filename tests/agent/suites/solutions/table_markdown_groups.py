from library import csv_group_sum, table_markdown_to_csv

GOAL = "Write each {by} of the Markdown table in {file} and the sum of its {column} to {out}, in alphabetical order and with a header."


def table_markdown_groups(column, by, file, out):
    table_markdown_to_csv(file, "table.csv")
    csv_group_sum(column, by, "table.csv", out)
