"""What is left of a run or a comparison for others to look at: an HTML page, and a trace."""
