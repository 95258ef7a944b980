from library import json_to_csv, table_csv_to_markdown

GOAL = "Write the objects in {file} as a Markdown table to {out}, one row each, with the fields of the first object as the header."


def json_to_markdown(file, out):
    json_to_csv(file, "table.csv")
    table_csv_to_markdown("table.csv", out)
