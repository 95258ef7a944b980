from library import archive_extract, text_count_word

GOAL = "Count how often the word {word} stands in the file {path} of {file}, in upper or lower case, and write the number to {out}."


def archive_count_word(word, path, file, out):
    archive_extract(path, file, "taken.txt")
    text_count_word(word, "taken.txt", out)
