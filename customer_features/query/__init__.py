"""The definition as SQL: which column is which field, how it is read, and the steps to vectors."""
