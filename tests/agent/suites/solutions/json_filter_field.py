from library import json_filter_objects, json_list_field

GOAL = (
    "Write the field {field} of the objects in {file} whose {by} is {value} to {out}, one a line."
)


def json_filter_field(field, file, by, value, out):
    json_filter_objects(file, by, value, "kept.json")
    json_list_field(field, "kept.json", out)
