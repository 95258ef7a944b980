"""Small packages as they should be: chores about repositories damage copies of their text.

They are imported here only to know what right code answers; `catalogue.py` lists their functions.
"""
