"""The assignments: student versions, grading by machine, and the table of points."""
