"""The web pages: questions, answers and the state of the record. Flask, waitress, Jinja2."""
