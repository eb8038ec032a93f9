"""The commands: one module each, with its arguments (`add_arguments`) and what it does (`run`).

A new command is a module in one of the folders and a line in `cli/command_list.py`.
What several share lives in `cli`.
"""
