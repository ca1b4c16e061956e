"""Charts: what a recording or a comparison tells, as Plotly figures with a caption."""
