from library import archive_merge_csv, csv_sum_column

GOAL = "Write the sum of the column {column} over all CSV files in {file} to {out}."


def archive_sum_csv(column, file, out):
    archive_merge_csv(file, "merged.csv")
    csv_sum_column("merged.csv", column, out)
