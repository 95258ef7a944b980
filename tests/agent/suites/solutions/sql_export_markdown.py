from library import sql_export_csv, table_csv_to_markdown

GOAL = "Write the table {table} of {file}, ordered by {column}, as a Markdown table with its header to {out}."


def sql_export_markdown(table, file, column, out):
    sql_export_csv(table, file, "table.csv", column)
    table_csv_to_markdown("table.csv", out)
