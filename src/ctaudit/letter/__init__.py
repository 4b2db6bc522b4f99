"""What arrives at an abuse desk: the questions in a mail, a report, a table or a log excerpt."""
