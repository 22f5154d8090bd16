"""What the features of many customers look like: figures, charts, and a report of one file.

figures.figures(connection, relation)   aggregates over a DuckDB relation of vectors; needs ``[bulk]`` alone
movers.compare(older, newer, name)      drift between two of them, and the customers that came, went and moved
making.made(connection, file)           all that a report shows of a features file
page.html(report), rendering            the report as a page, and its charts on one sheet (``[report]``)
writing.publish(content, out)           the file under its name, whole or not at all
"""
