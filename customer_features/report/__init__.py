"""What the features of many customers look like: figures, charts, and a report of one file.

    figures(connection, relation)   aggregates over a DuckDB relation of vectors; needs ``[bulk]`` alone
    compare(newer, older)           drift between two of them, and the customers that came, went and moved

``reading`` opens a features file, ``page`` and ``charts`` show the figures (``[report]``), ``writing`` publishes.
"""
