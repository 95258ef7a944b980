import csv

GOAL = "Write the rows of {file} as a Markdown table with their header to {out}."


def table_csv_to_markdown(file, out):
    with open(file, newline="") as stream:
        header, *rows = csv.reader(stream)
    with open(out, "w") as stream:
        for row in [header, ["---"] * len(header), *rows]:
            stream.write("| " + " | ".join(row) + " |\n")
