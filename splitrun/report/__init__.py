"""What is left of a run or a comparison for others to look at: an HTML page, and a trace.

write                        from a directory to its page
run_page, comparison_page    what there is to say; `page` makes HTML of it
…_charts, timeline_chart     Plotly figures with a caption; `drawing` has what they share
trace                        a timeline for a viewer of traces
"""
